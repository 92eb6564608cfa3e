"""Where a model and the measured patterns disagree: pattern by pattern, and pixel by pixel of the detector."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64

from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset, check_data
from ptychograd.fitting.epoch import called, misfits
from ptychograd.physics.checks import check_count
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.noise import AbstractNoise, Amplitude

PIXELS_AT_ONCE = 2**21  # of patterns that are worked on together
MOST_AT_ONCE = 16
OUTSTANDING = 3.0  # times the median deviation, scaled to a standard deviation, above the median


class Residuals(NamedTuple):
    """Where a model and the measured patterns disagree: R and χ² of each pattern and of each detector pixel.

    With the expected photons h and the measured ones y, R = sqrt(Σ(√h - √y)² / Σy) and
    χ² = Σ(√h - √y)² / Σ E[(√h - √y)²]. χ² is 1 where only the noise of photon counting is left, in dark and bright
    places alike; R depends on how bright a place is, and says little about dark ones. All are NaN where no pixel is
    valid, and R where no photon was counted.

    Args:
        r_of_pattern: R of each pattern (index).
        chi_squared_of_pattern: χ² of each pattern (index).
        r_of_pixel: R of each detector pixel (y, x) over all patterns.
        chi_squared_of_pixel: χ² of each detector pixel (y, x) over all patterns.
        r_factor: R of all together.
    """

    r_of_pattern: Float64[np.ndarray, " index"]
    chi_squared_of_pattern: Float64[np.ndarray, " index"]
    r_of_pixel: Float64[np.ndarray, "y x"]
    chi_squared_of_pixel: Float64[np.ndarray, "y x"]
    r_factor: float

    def worst(self, most: int = 8) -> np.ndarray:
        """Numbers of the patterns with the largest R-factors, the worst first."""
        known = np.flatnonzero(np.isfinite(self.r_of_pattern))
        return known[np.argsort(-self.r_of_pattern[known], kind="stable")[:most]]

    @property
    def outstanding(self) -> np.ndarray:
        """Numbers of the patterns far above the others in R, and in χ² as well, the worst first.

        Where few photons fell R alone is high.
        """
        high = outstanding(self.r_of_pattern)
        return high[np.isin(high, outstanding(self.chi_squared_of_pattern))]


@meant
def residuals(model: AbstractModel, data: Dataset, noise: AbstractNoise | None = None) -> Residuals:
    """How much a model as it is disagrees with every pattern and with every detector pixel, over valid pixels.

    Compared is what pixels show, as `noise` says it: a pixel that is full and expected to be full leaves nothing under
    `Censored`. Patterns are read and worked on a few at a time, so memory does not grow with their number.

    Args:
        model: the model to judge, as `model` of a result.
        data: the measured patterns, from which the model was made.
        noise: the noise model, which says what a pixel shows; `Amplitude()` by default.

    Returns:
        R and χ² of each pattern and of each detector pixel.

    Raises:
        InputError: model and data do not belong together.

    Example:
        found = pg.quality.residuals(result.model, data)
        found.worst(5), found.r_of_pixel
    """
    check_kind(model, AbstractModel, "model")
    check_data(data)
    check_count(model, data.count)
    groups = data.count // model.group
    there = called(model)
    expected = jax.eval_shape(there, jax.ShapeDtypeStruct((), np.int32))
    if expected.shape != data.frame_shape:
        raise InputError(f"The model does not belong to {data.source}; make it from this dataset.")
    size = max(1, min(MOST_AT_ONCE, groups, PIXELS_AT_ONCE // (model.group * int(np.prod(data.frame_shape)))))
    of_pattern, of_pixel = np.zeros((3, groups, model.group)), np.zeros((3, *data.frame_shape))
    for first in range(0, groups, size):
        numbers = np.arange(first, first + size)
        real = numbers < groups
        numbers = np.minimum(numbers, groups - 1)  # the last batch is filled up, for one compiled program
        which = (numbers[:, None] * model.group + np.arange(model.group)).ravel()
        patterns, mask = data.frames(which)
        shape = (size, model.group, *data.frame_shape) if model.group > 1 else (size, *data.frame_shape)
        valid = np.broadcast_to(mask, patterns.shape).reshape(shape) & real.reshape(-1, *[1] * (len(shape) - 1))
        counts = patterns.reshape(shape)
        counts = counts.astype(np.float64) if counts.dtype.itemsize > 4 else counts
        each, pixel = misfits(
            there, jnp.asarray(numbers), jnp.asarray(counts), jnp.asarray(valid), noise or Amplitude()
        )
        for total, more in zip(of_pixel, pixel, strict=True):
            total += np.asarray(more, np.float64)
        for total, more in zip(of_pattern, each, strict=True):
            total[numbers[real]] = np.asarray(more, np.float64).reshape(size, model.group)[real]
    of_pattern = of_pattern.reshape(3, -1)
    residual, _, photons = of_pixel.sum(axis=(1, 2))
    return Residuals(
        _r(of_pattern),
        _chi_squared(of_pattern),
        _r(of_pixel),
        _chi_squared(of_pixel),
        float(np.sqrt(residual / photons)) if photons > 0 else np.nan,
    )


def outstanding(values: np.ndarray) -> np.ndarray:
    """Numbers of the values far above the others, the largest first."""
    middle = np.nanmedian(values)
    deviation = 1.4826 * np.nanmedian(np.abs(values - middle))
    which = np.flatnonzero(values > middle + OUTSTANDING * max(deviation, 1e-9))
    return which[np.argsort(-values[which], kind="stable")]


def _r(sums: np.ndarray) -> np.ndarray:
    residual, _, photons = sums
    return np.sqrt(np.divide(residual, photons, out=np.full(residual.shape, np.nan), where=photons > 0))


def _chi_squared(sums: np.ndarray) -> np.ndarray:
    residual, counting, _ = sums
    return np.divide(residual, counting, out=np.full(residual.shape, np.nan), where=counting > 0)
