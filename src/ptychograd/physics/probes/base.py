"""What every probe is, and the simplest: one wave for the whole scan."""

import abc

import numpy as np
from jaxtyping import Array, Complex, Int

from ptychograd.core.parameters import AbstractPart


class AbstractProbe(AbstractPart):
    """Index of a pattern -> the incident wave of that exposure."""

    @abc.abstractmethod
    def __call__(self, index: Int[Array, ""]) -> Complex[Array, "modes y x"]:
        """Incident wave in sqrt(photons) a pixel; sum of |wave|² over all axes = photons an exposure."""

    @property
    def scaled(self) -> tuple[str, ...]:
        """The parameters that, multiplied by a number all together, multiply the wave; the modes first."""
        return ("modes",)

    @property
    def illumination(self) -> Complex[np.ndarray, "modes y x"] | None:
        """The modes on the object, for a probe whose own are those of another plane."""
        return None

    def surrogate(self) -> "AbstractProbe":
        """The probe for step sizes: the same wave, whose derivatives tell how bright each pixel of a parameter is."""
        return self


class Probe(AbstractProbe):
    """One wave for the whole scan: one mode if it is coherent, several that add in intensity if not.

    Thibault & Menzel, Nature 494, 68 (2013), for the modes.
    """

    modes: Complex[Array, "modes y x"]

    def __call__(self, index):
        return self.modes
