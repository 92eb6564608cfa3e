"""Whether a run got there: how near to the noise of its data it ended, and whether its object is told from that noise.

No threshold of R or χ² alone does. Two figures beside χ² do not depend on the number of photons:

- the share of what can be explained that is left, (χ² - 1) / (χ₀² - 1), with χ₀² that of patterns which are all alike:
  the mean pattern, as bright as each one. A scan in a wrong orientation leaves most of it, a good run next to nothing.
- what each parameter explains, (S₀ - S) / (k c), with S = Σ(√h - √y)², k real parameters and c = E[(√y - √h)²] of a
  photon's pixel: where nothing but noise is fitted 1 or less, and much more for an object, however near to 1 χ² is.

The limits were chosen on the "tune" seeds of `benchmarks/verdicts.py`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ptychograd.core.errors import InputError
from ptychograd.core.illumination import illuminated_pixels
from ptychograd.core.parameters import matches
from ptychograd.core.strict import meant
from ptychograd.data.checks import is_counted
from ptychograd.data.dataset import Dataset
from ptychograd.data.patterns import illuminated_positions
from ptychograd.fitting.result import OBJECTS, Result
from ptychograd.physics.noise.base import counted_residual

AT_NOISE, NEAR_NOISE, NOT_SOLVED, UNKNOWN = "at_noise", "near_noise", "not_solved", "unknown"
AT, NEAR, FAR = 1.1, 1.6, 10.0  # χ² up to which a run is at the noise, near it, and near it if it explains nearly all
LEFT, HARDLY = 1 / 3, 0.1  # shares of what can be explained that a run near the noise leaves
TOLD = 1.0  # times what noise alone would explain
AVERAGED = 0.6  # χ² below which patterns scatter less than counts do
FALLING = 0.15  # of the loss in the last tenth of the epochs
PIXELS, FEWEST = 2**24, 16  # of the patterns that are compared with the mean pattern
DIM = 0.05  # of the probe's largest magnitude: pixels below count as no parameter


class Cause(NamedTuple):
    """Something that may be wrong: a code, and what was found, in words."""

    code: str
    found: str


class Verdict(NamedTuple):
    """Whether a run got there: `at_noise`, `near_noise`, `not_solved` or `unknown`, why, and the figures behind it."""

    code: str
    causes: tuple[Cause, ...]
    chi_squared: float
    left: float
    told: float

    @property
    def summary(self) -> dict:
        """What goes into a result's settings and into JSON; no number in it is NaN or infinite."""
        figures = {name: _finite(getattr(self, name)) for name in ("chi_squared", "left", "told")}
        return {"code": self.code, "causes": [cause._asdict() for cause in self.causes], **figures}


@meant
def assess(result: Result, data: Dataset, counts: bool | None = None) -> Verdict:
    """The verdict on a result of one epoch or more, from the data that it was fitted to.

    Args:
        counts: whether the patterns are counts, one for each photon; by default the data tell.

    Raises:
        InputError: no epoch was done.

    Example:
        found = assess(result, data)
        print(found.code, [cause.code for cause in found.causes])
    """
    if not result.history.epochs:
        raise InputError("A result without an epoch has no verdict; reconstruct first.")
    counts = is_counted(data) if counts is None else counts
    epoch = result.settings.get("loss_rose", {}).get("after_epoch", result.history.epochs) - 1
    chi_squared, r_factor = result.history.chi_squared[epoch], result.history.r_factor[epoch]
    alike, photons, each = _all_alike(data)
    residual = r_factor**2 * photons
    chi_alike = alike / max(residual / chi_squared, 1e-30) if chi_squared > 0 else float("nan")
    left = (chi_squared - 1) / (chi_alike - 1) if chi_alike > 1 else float("inf")
    told = (alike - residual) / max(_parameters(result) * each * photons / max(data.total, 1e-30), 1e-30)
    code = _code(chi_squared, left, told, residual / max(alike, 1e-30), counts)
    causes = tuple(_causes(result, data, code, told, counts)) if code != AT_NOISE else ()
    return Verdict(code, causes, chi_squared, left, told)


def _code(chi_squared: float, left: float, told: float, share: float, counts: bool) -> str:
    if not counts or chi_squared < AVERAGED:
        return UNKNOWN if share < LEFT else NOT_SOLVED
    if not told > TOLD:
        return NOT_SOLVED
    if chi_squared <= AT:
        return AT_NOISE
    near = (chi_squared <= NEAR and left <= LEFT) or (chi_squared <= FAR and left <= HARDLY)
    return NEAR_NOISE if near else NOT_SOLVED


def _all_alike(data: Dataset) -> tuple[float, float, float]:
    """Of some patterns: Σ(√h - √y)² if all are the mean pattern, their photons, and c on average over photons."""
    places = illuminated_positions(data)  # of a scan that ended early others may not be there
    each = data.frame_shape[0] * data.frame_shape[1] * data.group
    count = min(len(places), max(FEWEST, PIXELS // each))
    some = places[np.unique(np.linspace(0, len(places) - 1, count).astype(int))]
    numbers = (some[:, None] * data.group + np.arange(data.group)).ravel()
    patterns, mask = data.frames(numbers)
    shape = (len(some), data.group, *data.frame_shape)
    measured = np.where(mask, patterns, 0).reshape(shape).astype(np.float32)
    valid = np.broadcast_to(mask, patterns.shape).reshape(shape)
    mean = measured.sum(axis=0) / np.maximum(valid.sum(axis=0), 1)
    share = measured.sum(axis=(1, 2, 3)) / np.maximum((mean * valid).sum(axis=(1, 2, 3)), 1e-30)
    expected = mean * share[:, None, None, None] * valid
    residual = float(np.sum((np.sqrt(expected) - np.sqrt(measured)) ** 2, dtype=np.float64))
    photons = float(measured.sum(dtype=np.float64))
    scatter = np.asarray(counted_residual(jnp.asarray(mean)), np.float64)
    return residual, photons, float(np.sum(mean * scatter) / max(np.sum(mean, dtype=np.float64), 1e-30))


def _parameters(result: Result) -> float:
    """Real numbers that were refined and that the patterns can tell of: of the object those that the scan lit."""
    free = [name for name in result.arrays if any(matches(name, path) for path in result.settings["trainable"])]
    total = 0.0
    for name in free:
        array = result.arrays[name]
        parts = 2 if np.iscomplexobj(array) else 1
        total += parts * _estimated_pixels(result, name, array)
    return max(total, 1.0)


def _estimated_pixels(result: Result, name: str, array: np.ndarray) -> int:
    if name in OBJECTS and "scan.corner" in result.arrays and "probe.modes" in result.arrays and array.ndim < 4:
        support = result.arrays.get("object.support")
        if name == "object.density":
            return int(np.count_nonzero(support if support is not None else array))
        illuminated = illuminated_pixels(array.shape[-2:], result.corners, result.probe, support)
        return int(np.count_nonzero(illuminated)) * (len(array) if array.ndim == 3 else 1)
    magnitude = np.abs(array)
    return int(np.count_nonzero(magnitude > DIM * magnitude.max(initial=0)))


def _causes(result: Result, data: Dataset, code: str, told: float, counts: bool) -> Iterator[Cause]:
    """What may be wrong, the likeliest first."""
    if not counts:
        yield Cause("not_counts", "the patterns are no whole numbers of photons, so their noise is not known")
    elif code == UNKNOWN:
        yield Cause("not_counts", "the patterns scatter less than counts of photons do, as averaged ones")
    elif not told > TOLD:
        yield Cause(
            "object_not_told_from_noise",
            f"each parameter explains {told:.2g} times what it would if the object were noise",
        )
    if "loss_rose" in result.settings:
        rose = result.settings["loss_rose"]
        yield Cause("loss_rose", f"the loss rose from {rose['loss']:.4g} after epoch {rose['after_epoch']}")
    if _still_falls(np.array(result.history.loss)):
        yield Cause("too_few_epochs", "the loss was still falling fast when the last epoch ended")
    if code != NOT_SOLVED:
        yield Cause("modes", "the beam may have incoherent parts that one mode leaves out")
        return
    if data.probe is None:
        yield Cause("start_probe", "the start probe was estimated from the patterns")
    yield Cause("orientation", "the axes of the positions may lie otherwise to those of the detector")
    yield Cause("positions", "positions may be wrong, or in another order or unit")
    yield Cause("defocus", "the distance from focus to sample may be another, or of the other sign")
    yield Cause("modes", "the beam may have incoherent parts that one mode leaves out")


def _still_falls(loss: Float[np.ndarray, " epoch"]) -> bool:
    last = max(1, len(loss) // 10)
    return len(loss) <= last or bool(loss[-1] < (1 - FALLING) * loss[-1 - last])


def _finite(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None
