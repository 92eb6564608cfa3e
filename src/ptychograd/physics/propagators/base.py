"""What every propagator is."""

import abc

from jaxtyping import Array, Complex, Float

from ptychograd.core.parameters import AbstractPart


class AbstractPropagator(AbstractPart):
    """Base class of propagators: linear maps from the exit wave to the wave at the detector that keep the energy.

    A subclass gives the call and the `adjoint`, which goes back. Both take waves (modes, y, x), and the sub-pixel shift
    (y, x) in pixels that the probe was given, None for none.

    Example:
        >>> isinstance(model.propagator, pg.physics.AbstractPropagator), model.propagator.is_local
        (True, False)
    """

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
