"""Pixels of the detector whose counts can't be trusted, found by what they show and masked."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool
from scipy.ndimage import median_filter

from ptychograd.data.checks.beam import middle
from ptychograd.data.checks.detector import dead_pixels, frozen_pixels, hot_pixels, standing_out, stuck_pixels
from ptychograd.data.checks.finding import Sample
from ptychograd.data.dataset import Dataset, mask_pixels

LEAST_SIDE = 5  # pixels of a frame in which neighbours tell anything


def found_hot(data: Dataset, centre: tuple[float, float] | None = None) -> Bool[np.ndarray, "y x"]:
    """Valid pixels far brighter than the brightest neighbour, and those that show one number in every pattern.

    Args:
        data: patterns.
        centre: (y, x) of the zero frequency, about which a plane wave's beam is one pixel wide; by default the middle
            pixel, and that of the light.
    """
    total, valid = data.sums
    found = np.zeros(data.frame_shape, bool)
    if min(data.frame_shape) < LEAST_SIDE or not total.any():
        return found
    sample = Sample.of(data)
    stuck = standing_out(stuck_pixels(sample), sample) | frozen_pixels(sample)
    found = hot_pixels(total, (valid > 0) & ~stuck)
    if not data.near_field:
        light = tuple(middle(median_filter(data.mean_pattern, 3)).tolist())
        for place in (centre,) if centre else (tuple(n // 2 for n in data.frame_shape), light):
            rows, columns = (round(one) for one in place)
            found[max(0, rows - 1) : rows + 2, max(0, columns - 1) : columns + 2] = False
    return found | stuck


def found_dead(data: Dataset) -> Bool[np.ndarray, "y x"]:
    """Valid pixels that counted nothing in any pattern, amid light that would have made sure of some."""
    total, valid = data.sums
    if min(data.frame_shape) < LEAST_SIDE or not total.any():
        return np.zeros(data.frame_shape, bool)
    return dead_pixels(total, valid > 0)


def without_pixels(data: Dataset, found: Bool[np.ndarray, "y x"], what: str) -> Dataset:
    """The data with these pixels masked, and a note on how many and where they are."""
    count = int(np.count_nonzero(found))
    if not count:
        return replace(data, notes=(*data.notes, f"prepared: no {what} pixels found"))
    places = ", ".join(f"({y}, {x})" for y, x in np.argwhere(found)[:6])
    note = f"prepared: {count:,} {what} pixels found and masked, (y, x) = {places}{' ...' if count > 6 else ''}"
    rest = mask_pixels(data, ~found, allow_masked=True)
    return replace(rest, notes=(*data.notes, note))
