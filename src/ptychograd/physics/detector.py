"""The detector: from the wave to the photons that it is expected to count."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Complex, Float

from ptychograd.core.errors import InputError
from ptychograd.core.fourier import blurred, convolved
from ptychograd.core.parameters import AbstractPart
from ptychograd.core.strict import lifted, meant

BACKGROUND_SHARE, LEAST_BACKGROUND_STEP = 0.01, 0.01  # of the background, and photons: a step of its refinement
WIDTH_STEP, FLAT_STEP = 0.01, 0.002  # pixels; of a pixel's efficiency


@meant
def _array(value: ArrayLike) -> Array:
    return jnp.asarray(value)


class AbstractPointSpread(AbstractPart):
    """Base class of point spreads: how the photons that fall on one pixel spread over its neighbours.

    A subclass gives the call, from photons (..., y, x) to photons of the same shape and sum.
    """

    @abc.abstractmethod
    def __call__(self, photons: Float[Array, "*batch y x"]) -> Float[Array, "*batch y x"]:
        """Where these photons are counted, all of them; what leaves at an edge comes in on the other side."""


class GaussianSpread(AbstractPointSpread):
    """A Gaussian point spread.

    It is the Gaussian of the pixel grid, positive and of the right variance at every width, and its edges wrap (see
    `ptychograd.core.fourier.blurred`).

    Args:
        width: standard deviation in detector pixels, a parameter that can be refined ("detector.point_spread.width").

    Example:
        >>> spread = pg.physics.GaussianSpread(0.8)
        >>> pg.physics.Detector(point_spread=spread).is_plain
        False
    """

    width: Float[Array, ""] = eqx.field(converter=_array)

    @property
    def steps(self):
        return {"width": WIDTH_STEP}

    def gauge_fixed(self):
        return ({"width": jnp.abs(self.width)},)

    def stuck(self, name, free):
        width = f"{name}.width"
        if width in free and float(self.width) == 0:
            yield f"{width} is 0, where no pattern tells whether more would help; begin with with_point_spread(model)"

    def __call__(self, photons):
        return jnp.maximum(blurred(photons, self.width), 0)  # rounding alone leaves less


class KernelSpread(AbstractPointSpread):
    """A point spread given as an image; the edges wrap.

    Args:
        kernel: the image (y, x) of one point in detector pixels, with its middle at pixel (y // 2, x // 2), not larger
            than a pattern; its sum is made 1.

    Raises:
        InputError: for numbers that are negative or not finite, or all 0.

    Example:
        >>> pg.physics.KernelSpread(np.array([[1.0, 2.0, 1.0]])).kernel.tolist()
        [[0.25, 0.5, 0.25]]
    """

    kernel: Float[np.ndarray, "kernel_y kernel_x"]

    def __init__(self, kernel: Float[np.ndarray, "kernel_y kernel_x"]):
        total = float(np.sum(kernel))
        if not (np.all(np.isfinite(kernel)) and np.min(kernel) >= 0 and total > 0):
            raise InputError("A point spread has to hold finite numbers, none below 0, and not all of them 0.")
        self.kernel = np.asarray(kernel / total, np.float64)

    def __call__(self, photons):
        return jnp.maximum(convolved(photons, jnp.asarray(self.kernel, photons.dtype)), 0)


class Detector(AbstractPart):
    """A detector that counts the photons of all modes, on top of a background (Eq. 4).

    h = g (K * Σ|wave|²) + ν, where every count adds up `oversampling` x `oversampling` pixels of the wave.

    Args:
        background: ν in photons a pixel, one number or (y, x). A negative one counts as none, but has the slope of a
            positive one, so that it comes back when it is refined.
        point_spread: K, how photons spread over neighbouring pixels; None for not at all.
        flat_field: g, the share of its photons that each pixel counts, (y, x); None for all of them.
        oversampling: pixels of the wave along each side of a detector pixel.

    Raises:
        InputError: for an `oversampling` below 1.

    Example:
        >>> pg.physics.Detector(background=2.0).is_plain  # it adds up modes and a background, and nothing else
        True
    """

    background: Float[Array, ""] | Float[Array, "y x"] = eqx.field(default=0.0, converter=_array)
    point_spread: AbstractPointSpread | None = None
    flat_field: Float[Array, "y x"] | None = None
    oversampling: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        if not self.oversampling >= 1:
            raise InputError(f"A binning of {self.oversampling} pixels; expected 1 or more.")

    def __call__(self, wave: Complex[Array, "modes *frame"]) -> Float[Array, "*counts"]:
        """Expected photons h."""
        photons = jnp.sum(wave.real**2 + wave.imag**2, axis=0)
        if self.oversampling > 1:
            photons = binned(photons, self.oversampling)
        if self.point_spread is not None:
            photons = self.point_spread(photons)
        if self.flat_field is not None:
            photons = photons * lifted(self.flat_field, photons)
        lower = jax.lax.stop_gradient(jnp.minimum(self.background, 0))
        return photons + lifted(self.background - lower, photons)

    @property
    def is_plain(self) -> bool:
        """Whether it adds up modes and a background, and nothing else."""
        return self.oversampling == 1 and self.point_spread is None and self.flat_field is None

    @property
    def steps(self):
        background = jnp.maximum(BACKGROUND_SHARE * jnp.mean(self.background), LEAST_BACKGROUND_STEP)
        spread = {} if self.point_spread is None else self.point_spread.steps
        inside = {f"point_spread.{name}": step for name, step in spread.items()}
        return {"background": background, "flat_field": FLAT_STEP} | inside

    def stuck(self, name, free):
        flat = f"{name}.flat_field"
        if self.point_spread is not None:
            yield from self.point_spread.stuck(f"{name}.point_spread", free)
        if flat in free and self.flat_field is not None and not np.any(np.asarray(self.flat_field)):
            yield f"{flat} is 0 everywhere, so that nothing is counted; see with_flat_field"

    def gauge_fixed(self):
        spread = () if self.point_spread is None else self.point_spread.gauge_fixed()
        inside = ({f"point_spread.{name}": value for name, value in change.items()} for change in spread)
        return {"background": jnp.maximum(self.background, 0)}, *inside


def binned(photons: Float[Array, "*batch Y X"], oversampling: int) -> Float[Array, "*batch y x"]:
    """Sums over squares of `oversampling` x `oversampling` pixels."""
    *batch, height, width = photons.shape
    parts = photons.reshape(*batch, height // oversampling, oversampling, width // oversampling, oversampling)
    return jnp.sum(parts, axis=(-3, -1))
