"""The probe: the wave that falls on the object."""

import abc

from jaxtyping import Array, Complex, Int

from ptychograd._parameters import AbstractPart


class AbstractProbe(AbstractPart):
    """Index of a pattern -> the incident wave of that exposure."""

    @abc.abstractmethod
    def __call__(self, index: Int[Array, ""]) -> Complex[Array, "modes y x"]:
        """Incident wave in sqrt(photons) a pixel; sum of |wave|² over all axes = photons an exposure."""


class Probe(AbstractProbe):
    """One wave for the whole scan: one mode if it is coherent, several that add in intensity if not.

    Thibault & Menzel, Nature 494, 68 (2013), for the modes.
    """

    modes: Complex[Array, "modes y x"]

    def __call__(self, index):
        return self.modes
