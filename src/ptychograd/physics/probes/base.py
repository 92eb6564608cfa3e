"""What every probe is."""

import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Int

from ptychograd.core.errors import InputError
from ptychograd.core.overriding import refused
from ptychograd.core.parameters import AbstractPart
from ptychograd.physics.margins import Margins, grid_refusal
from ptychograd.physics.probes.diverse import lost


class AbstractProbe(AbstractPart):
    """Base class of probes: from the number of a pattern to the incident wave of that exposure.

    A subclass gives the call; the wave (modes, y, x) is in sqrt(photons) a pixel, and the sum of |wave|² over all axes
    is the photons of an exposure.

    The functions of `pg.models` ask the probe itself for what they make of it. What it can't become it refuses with a
    sentence; give it the method, and the function takes it.

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

    def as_plain(self, what: str) -> "AbstractProbe":
        """The `Probe` that it is or stands for, of which `what` is made: "Defocus and aberrations", for one."""
        raise refused(self, "as_plain", f"{what} can't be combined with {type(self).__name__}", "take one of the two")

    def as_varying(self) -> "AbstractProbe":
        """The `VaryingProbe` that it is or stands for, whose shape and intensity may differ between patterns."""
        said = f"A varying probe can't be combined with {type(self).__name__}"
        raise refused(self, "as_varying", said, "take one of the two")

    def with_modes(self, count: int) -> "AbstractProbe":
        """The probe with so many incoherent modes."""
        said = f"Modes can't be put into a {type(self).__name__}"
        raise refused(self, "with_modes", said, "call `with_modes` first, then what makes it one")

    def brighter(self, factor: float) -> "AbstractProbe":
        """The probe with so many times its photons; by default the parameters that are `scaled` are multiplied."""
        waves = [getattr(self, name) for name in self.scaled if hasattr(self, name)]
        if not waves or len(waves) < len(self.scaled):
            raise InputError(
                f"A {type(self).__name__} has no {' and '.join(self.scaled) or 'parameter'} to make it brighter; name "
                "in `scaled` the parameters that multiply its wave, or give it a method `brighter`."
            )
        louder = [wave * jnp.asarray(np.sqrt(factor), wave.dtype) for wave in waves]
        return eqx.tree_at(lambda part: [getattr(part, name) for name in part.scaled], self, louder)

    def in_larger_array(self, margins: Margins) -> "AbstractProbe":
        """The probe in a window with more pixels (low, high) at the sides along y and along x, where it is dark."""
        raise grid_refusal(self, "in_larger_array")

    def on_finer_pixels(self, finer: int) -> "AbstractProbe":
        """The probe with `finer` times as many pixels along each side of the same window, and the same photons."""
        raise grid_refusal(self, "on_finer_pixels")

    def continued(self, modes: Complex[np.ndarray, "modes y x"]) -> "AbstractProbe":
        """The probe that begins with these modes, as an earlier result has them on this window."""
        said = f"A {type(self).__name__} can't continue an earlier probe"
        raise refused(self, "continued", said, "continue with the plain modes first, then put in what makes it one")
