"""What a photon adds to a pixel, and what a pixel shows without any, by how its values scatter.

A pixel that sees μ photons on average, each of which adds g to an offset o, has the mean m = o + gμ and the variance
v = s² + g² μ + c μ²: of reading, of counting, and of what the object does from pattern to pattern. So v rises with m by
g where pixels are dim, whatever s and c are (photon transfer; J. R. Janesick, Photon Transfer, chapter 5).
Light alone has the variance g (m - o) at least, which tells an offset from light.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from ptychograd.data.checks.finding import Sample
from ptychograd.data.dataset import Dataset
from ptychograd.data.preparation.pixels import found_hot

MOST_FRAMES, MOST_VALUES = 256, 2**24  # that are looked at, spread over the scan
FEWEST_FRAMES, FEWEST_PIXELS = 12, 200
GROUPS, LEAST_GROUPS = 60, 8  # of pixels that are about as bright
LEAST_ERROR = 0.3  # of the median group's: pixels without a photon have no scatter that tells theirs
STRAIGHT = 2.0  # reduced χ² up to which the variances follow the curve
SURE = 0.04  # of the gain: its standard error
AGREEING = 2.0  # standard errors by which slopes of all groups and of the dimmer ones may differ
SLOPE = 3.0  # of the gain's own variance that the object's may be in the brightest group
ALIKE = 1.5  # reduced χ² up to which pixels show one and the same offset
NO_LIGHT = 0.1  # variance over that of as much light, below which it is an offset
WHOLE = 1e-6  # of a step, from which values are off
LEAST_STEPS = 4  # different values that tell a step


class FoundGain(NamedTuple):
    """What one photon adds, as the patterns show it.

    Args:
        gain: in the unit of the patterns.
        error: of that, one standard deviation; 0 where the values are whole numbers of photons.
        summary: how it is known, in words.
    """

    gain: float
    error: float
    summary: str


class FoundOffset(NamedTuple):
    """What all pixels show without light.

    Args:
        offset: in the unit of the patterns.
        error: of that, one standard deviation.
        summary: how it is known, in words.
    """

    offset: float
    error: float
    summary: str


class Scatter(NamedTuple):
    """Means and variances (pixel,) of pixels over so many frames, the dimmest first, and the least value of all."""

    mean: Float64[np.ndarray, " pixel"]
    variance: Float64[np.ndarray, " pixel"]
    count: int
    least: float

    @classmethod
    def of(cls, data: Dataset) -> "Scatter | None":
        """That of the valid pixels of frames spread over a scan; None if there are too few to tell anything."""
        most = min(MOST_FRAMES, max(FEWEST_FRAMES, MOST_VALUES // int(np.prod(data.frame_shape))))
        numbers = np.unique(np.linspace(0, data.count - 1, min(data.count, most)).round().astype(int))
        frames, mask = data.frames(numbers)
        valid = (mask.all(axis=0) if mask.ndim == 3 else mask) & ~found_hot(data)
        if len(numbers) < FEWEST_FRAMES or np.count_nonzero(valid) < FEWEST_PIXELS:
            return None
        values = frames[:, valid].astype(np.float64)
        mean, variance = values.mean(axis=0), values.var(axis=0, ddof=1)
        order = np.argsort(mean, kind="stable")
        return cls(mean[order], variance[order], len(numbers), float(values.min()))


def gain_by_variance(data: Dataset) -> FoundGain | None:
    """What one photon adds; None where the patterns do not show it beyond doubt.

    Args:
        data: patterns with photons in them.
    """
    step = _step(data)
    if step is not None:
        text = f"as all values are {step[0]:.6g} or a whole number of times {step[1]:.6g} more"
        return FoundGain(step[1], 0.0, text)
    scatter = Scatter.of(data)
    found = None if scatter is None else _slope(scatter)
    if found is None:
        return None
    return FoundGain(*found, f"by variance over mean of dim pixels to {found[1] / found[0]:.1%}")


def offset_by_scatter(data: Dataset, gain: float) -> FoundOffset | None:
    """What all pixels show without light, where some see none; None where the patterns do not show it beyond doubt.

    Args:
        data: patterns.
        gain: what one photon adds.
    """
    step = _step(data)
    if step is not None:
        return None if step[0] == 0 else FoundOffset(step[0], 0.0, "the least value of all, with no photon")
    scatter = Scatter.of(data)
    dark = None if scatter is None else _alike(scatter)
    if dark is None:
        return None
    offset, error, variance = dark
    if not (offset > 5 * error and variance < NO_LIGHT * gain * offset):
        return None
    return FoundOffset(offset, error, "the mean of the darkest pixels, which vary too little for as much light")


def _step(data: Dataset) -> tuple[float, float] | None:
    """The least value, and the step by which all others lie above it, if there is one of more than 1."""
    sample = Sample.of(data)
    values = np.unique(sample.patterns[sample.mask])
    if len(values) < LEAST_STEPS or values[-1] >= 2.0**53 or (values != np.round(values)).any():
        return None
    steps = np.diff(np.round(values).astype(np.int64))
    step = int(np.gcd.reduce(steps))
    return (float(values[0]), float(step)) if step > 1 and (steps == step).sum() >= LEAST_STEPS - 1 else None


def _slope(scatter: Scatter) -> tuple[float, float] | None:
    """How the variance begins to rise with the mean, and its standard error."""
    groups = np.array_split(np.arange(len(scatter.mean)), min(GROUPS, len(scatter.mean) // 12))
    mean = np.array([scatter.mean[one].mean() for one in groups])
    variance = np.array([scatter.variance[one].mean() for one in groups])
    error = np.array([scatter.variance[one].std(ddof=1) / np.sqrt(len(one)) for one in groups])
    error = np.maximum(error, np.sqrt(2 / scatter.count / len(groups[0])) * variance)
    bright = mean > 0  # without an offset no pixel varies less than its photons do: v >= g m
    most = (
        float(np.min((variance + AGREEING * error)[bright] / mean[bright]))
        if scatter.least == 0 and bright.any()
        else np.inf
    )
    error = np.maximum(error, LEAST_ERROR * np.median(error[error > 0])) if error.any() else error
    for last in range(len(mean) if error.all() else 0, 2 * LEAST_GROUPS, -2):
        found, dimmer = (_fitted(mean[:end], variance[:end], error[:end]) for end in (last, 2 * last // 3))
        if found is None or dimmer is None or found[1] > SURE * found[0]:
            continue
        away = abs(found[0] - dimmer[0])
        error = max(found[1], away / 2)
        agree = away < AGREEING * float(np.hypot(found[1], dimmer[1])) and error < SURE * found[0]
        return (found[0], error) if agree and found[0] - AGREEING * error < most else None
    return None


def _fitted(mean: np.ndarray, variance: np.ndarray, error: np.ndarray) -> tuple[float, float] | None:
    """The slope at the dim end of a parabola through variances, and its standard error, if they follow one."""
    span = mean[-1] - mean[0]
    if not span > 0:
        return None
    away = (mean - mean[0]) / span
    columns = np.stack([np.ones_like(away), away, away**2], axis=1) / error[:, None]
    inverse = np.linalg.pinv(columns.T @ columns)
    weights = inverse @ columns.T @ (variance / error)
    misfit = float(np.sum((columns @ weights - variance / error) ** 2)) / max(1, len(away) - 3)
    gain, spread = weights[1] / span, np.sqrt(inverse[1, 1] * max(misfit, 1.0)) / span
    straight = misfit < STRAIGHT and abs(weights[2]) < SLOPE * abs(weights[1])
    return (float(gain), float(spread)) if gain > 0 and straight else None


def _alike(scatter: Scatter) -> tuple[float, float, float] | None:
    """Mean of the dimmest pixels, its error, and their variance, as far as their means differ by chance alone."""
    best = None
    for share in (0.01, 0.02, 0.05, 0.1, 0.2, 0.4):
        size = int(share * len(scatter.mean))
        if size < 20:
            continue
        mean, variance = scatter.mean[:size], float(scatter.variance[:size].mean())
        misfit = float(mean.var(ddof=1)) / max(variance / scatter.count, 1e-12)
        if misfit < ALIKE:
            best = float(mean.mean()), float(np.sqrt(max(variance, 1e-12) / (scatter.count * size))), variance
    return best
