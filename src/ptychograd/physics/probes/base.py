"""What every probe is, and the simplest: one wave for the whole scan."""

import abc

import numpy as np
from jaxtyping import Array, Complex, Int

from ptychograd.core.parameters import AbstractPart
from ptychograd.physics.probes.diverse import lost


class AbstractProbe(AbstractPart):
    """Base class of probes: from the number of a pattern to the incident wave of that exposure.

    A subclass gives the call; the wave (modes, y, x) is in sqrt(photons) a pixel, and the sum of |wave|² over all axes
    is the photons of an exposure.

    Example:
        >>> model.probe(0).shape
        (1, 20, 18)
    """

    @abc.abstractmethod
    def __call__(self, index: Int[Array, ""]) -> Complex[Array, "modes y x"]:
        """Incident wave in sqrt(photons) a pixel; sum of |wave|² over all axes = photons an exposure."""

    @property
    def scaled(self) -> tuple[str, ...]:
        """The parameters that multiply the wave if they are multiplied by a number all together; the modes first."""
        return ("modes",)

    @property
    def illumination(self) -> Complex[np.ndarray, "modes y x"] | None:
        """The modes on the object, for a probe whose own modes are those of another plane; else None."""
        return None

    @property
    def has_diagonal(self) -> bool:
        """True where the surrogate's pixels are each that of one parameter (`AbstractExitWaveModel.has_diagonal`)."""
        return False

    def stuck(self, name, free):
        modes = getattr(self, "modes", None)
        if f"{name}.modes" in free and modes is not None and (count := lost(np.asarray(modes))):
            yield f"{count} of {len(modes)} modes of {name}.modes are empty or mixtures of the others; see with_modes"

    def surrogate(self) -> "AbstractProbe":
        """The probe for step sizes: the same wave, whose derivatives tell how bright each pixel of a parameter is."""
        return self


class Probe(AbstractProbe):
    """One wave for the whole scan: one mode if the beam is coherent, several that add in intensity if not.

    Thibault & Menzel, Nature 494, 68 (2013), for the modes. `pg.models.with_modes` makes several.

    Args:
        modes: (modes, y, x), in sqrt(photons) a pixel; the sum of |modes|² is the photons of an exposure.

    Example:
        >>> import jax.numpy as jnp
        >>> pg.physics.Probe(jnp.ones((2, 20, 18), complex)).modes.shape
        (2, 20, 18)
    """

    modes: Complex[Array, "modes y x"]

    @property
    def has_diagonal(self):
        return True

    def __call__(self, index):
        return self.modes
