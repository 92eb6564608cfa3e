"""The distance from focus to sample of a near field that a file does not state: from shadows, then by short trials."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ptychograd.automatic.start.candidate import Placing, StartCandidate
from ptychograd.automatic.start.shadows import ShadowFit, Shadows, refined_fit
from ptychograd.automatic.start.trials import StartTrial, Tell, trial_data, try_starts
from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset, NearFieldGeometry
from ptychograd.data.geometry import format_length
from ptychograd.models.starts import back_propagated

ABOUT = (0.92, 0.96, 1.0, 1.04, 1.08)  # times the distance that shadows tell
EPOCHS = 12
SNAP = math.radians(4.0)  # to the nearest quarter of a turn


class ShadowDistance(NamedTuple):
    """What was found.

    Args:
        focus_distance: metres from focus to sample.
        placing: how the scan lies to the detector.
        trials: one a distance, the best first.
        note: what was found, in a sentence.
    """

    focus_distance: float
    placing: Placing
    trials: tuple[StartTrial, ...]
    note: str


def is_near_field(fit: ShadowFit, data: Dataset) -> bool:
    """Whether a beam is wider on the sample than the window of a far field: its patterns are shadows."""
    return abs(fit.width) > min(data.frame_shape)


def shadow_distance(
    data: Dataset, shadows: Shadows, fit: ShadowFit, seed: int = 0, on_trial: Tell | None = None
) -> ShadowDistance | None:
    """The distance from focus to sample of patterns that were read as a far field; None if trials can't be made.

    Args:
        data: patterns with a far field's geometry.
        shadows: of these.
        fit: the best of `shadow_fits`.
        seed: of held-out patterns and of their order.
        on_trial: is called with each trial.
    """
    if data.geometry is None or data.near_field:
        return None
    fit = refined_fit(shadows, fit)
    fit = fit if fit.spread > 0 else fit.twin
    quarter = round(fit.angle / (math.pi / 2)) * math.pi / 2
    fit = shadows.fit(fit.mirrored, quarter, fit.width) if abs(fit.angle - quarter) < SNAP else fit
    placing = Placing.of(fit.turn)
    first = fit.spread * math.prod(data.geometry.sampling(data.frame_shape)) / data.geometry.wavelength
    try:
        found = [_tried(data, placing, first * part, seed, on_trial) for part in ABOUT]
    except InputError:
        return None
    best = _lowest(np.array(ABOUT), np.array([trial.r_factor for trial in found])) * first
    trials = tuple(sorted(found, key=lambda trial: trial.r_factor))
    note = f"the patterns are shadows, {format_length(best)} behind a focus (the shadow of the sample moves with the "
    note += f"scan so, correlation {np.nanmean(fit.each):.2f}; trials at {len(found)} distances): a near field"
    return ShadowDistance(best, placing, trials, note)


def as_near_field(data: Dataset, focus_distance: float) -> Dataset:
    """The data of a far field's geometry as shadows in a cone beam."""
    given = data.geometry
    if given is None:
        raise InputError(f"{data.source} has no lengths; give wavelength, distance and pixel size.")
    geometry = NearFieldGeometry(given.wavelength, given.distance, given.pixel_size, focus_distance)
    return replace(data, geometry=geometry, probe=None)


def _tried(data: Dataset, placing: Placing, distance: float, seed: int, on_trial: Tell | None) -> StartTrial:
    """A short reconstruction at a distance."""
    near = as_near_field(data, distance)
    parts = trial_data(near, seed)
    wave = back_propagated(parts.fitted, near.geometry.sampling(near.frame_shape) if near.geometry else None)
    text = f"near field, {format_length(distance)} from focus to sample"
    one = StartCandidate("near field", text, wave, placing)
    return try_starts(parts, [one], EPOCHS, seed=seed, on_trial=on_trial)[0]


def _lowest(along: np.ndarray, values: np.ndarray) -> float:
    """Where the parabola through the lowest value and its neighbours is lowest; the lowest itself at an edge."""
    k = int(np.argmin(values))
    if k in (0, len(values) - 1) or not np.isfinite(values[k - 1 : k + 2]).all():
        return float(along[k])
    second, first, _ = np.polyfit(along[k - 1 : k + 2] - along[k], values[k - 1 : k + 2], 2)
    return float(along[k] - first / (2 * second)) if second > 0 else float(along[k])
