"""What every propagator is."""

import abc

from jaxtyping import Array, Complex, Float

from ptychograd.core.parameters import AbstractPart


class AbstractPropagator(AbstractPart):
    """A linear, energy-keeping map from exit wave to detector wave, and its adjoint."""

    @property
    def is_local(self) -> bool:
        """True where a detector pixel sees a neighbourhood of the exit wave and not all of it."""
        return False

    @abc.abstractmethod
    def __call__(
        self, exit_wave: Complex[Array, "*modes y x"], shift: Float[Array, "2"] | None
    ) -> Complex[Array, "*modes y x"]:
        """Wave at the detector; `shift` (y, x) is the sub-pixel shift that the probe was given."""

    @abc.abstractmethod
    def adjoint(
        self, wave: Complex[Array, "*modes y x"], shift: Float[Array, "2"] | None
    ) -> Complex[Array, "*modes y x"]:
        """Back from the detector to the exit plane."""
