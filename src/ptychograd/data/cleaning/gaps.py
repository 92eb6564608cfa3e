"""Pixels that hold a mark instead of counts: gaps between modules, dead and stuck pixels, whatever the number type.

A detector writes the same extreme value into such a pixel of every frame. A pixel in the middle of a saturated beam
holds the same value in every frame too; but around the beam counts come near that value, and around a gap they don't.
"""

from collections.abc import Iterable
from typing import NamedTuple, cast

import numpy as np
from jaxtyping import Bool, Float64, Int, Real
from scipy.ndimage import convolve1d, distance_transform_edt, label, maximum_filter

Frame = tuple[Real[np.ndarray, "y x"], Bool[np.ndarray, "y x"]]

SAMPLES = 32  # frames that are looked at, spread over the scan
ENOUGH = 8  # frames from which it is no chance that a pixel stays as it is; with fewer only known marks count
NEARLY_ALL = 0.95  # of the frames
MARKS = (2**16 - 1, 2**16 - 2, 2**31 - 1, 2**31 - 2, 2**32 - 1, 2**32 - 2, 2**63 - 1, 2**64 - 2, 2**64 - 1)
BEYOND = 2**31 - 2  # no beam fills a counter up to here
LIVELY = 0.5  # share of the other lit pixels that has to vary: in a simulation without noise none may
WINDOW, FAR = 9, 5  # pixels over which surroundings are averaged; as far away is what neighbours are compared with
FULL, BRIGHT, FLOOR = 0.8, 0.25, 1e-3  # of the value that stays: as good as it; on the way to it; dark
RISE = 1.25  # so many times as bright as farther away: on the way to a bright spot
MIDDLE = 1  # pixels about the zero frequency, where the beam of a plane wave ends abruptly
MOSTLY, PARTLY = 0.5, 0.3  # of its border, on the way for a saturated spot, and full for the saturated part of a gap
MOST_NAMED = 3  # values in a note


class Tally(NamedTuple):
    """Of each pixel the largest value, in how many frames it is that, in how many it is good, and its mean in these."""

    top: Real[np.ndarray, "y x"]
    at: Int[np.ndarray, "y x"]
    seen: Int[np.ndarray, "y x"]
    mean: Float64[np.ndarray, "y x"]

    @classmethod
    def of(cls, frames: Iterable[Frame], shape: tuple[int, int], dtype: np.dtype) -> "Tally":
        """That of some frames, each with its good pixels."""
        top, total = np.zeros(shape, dtype), np.zeros(shape)
        at, seen = np.zeros(shape, int), np.zeros(shape, int)
        for frame, good in frames:
            value = np.where(good, frame, np.zeros((), dtype))
            at[value > top] = 0
            np.maximum(top, value, out=top)
            at += good & (value == top)
            seen += good
            total += value
        return cls(top, at, seen, total / np.maximum(seen, 1))


def spread(count: int) -> np.ndarray:
    """Numbers of the frames that are looked at, of so many."""
    return np.unique(np.linspace(0, count - 1, min(count, SAMPLES)).round().astype(int))


def gap_pixels(frames: Iterable[Frame], shape: tuple[int, int], dtype: np.dtype) -> dict[float | int, np.ndarray]:
    """Where pixels hold a mark in nearly all frames of a sample: for each mark True at its pixels (y, x)."""
    tally = Tally.of(frames, shape, dtype)
    found = _candidates(tally)
    if found.any():
        found &= ~_saturated(found, tally)
    return {value.item(): found & (tally.top == value) for value in np.unique(tally.top[found])}


def summary_of_gaps(gaps: dict[float | int, np.ndarray]) -> tuple[str, ...]:
    """A note on the pixels that were found, if any."""
    if not gaps:
        return ()
    named = [f"{value:.10g}" for value in sorted(gaps, key=lambda value: -np.count_nonzero(gaps[value]))]
    which = " or ".join(named) if len(named) <= MOST_NAMED else f"{', '.join(named[:MOST_NAMED])} or one of more values"
    count = sum(np.count_nonzero(where) for where in gaps.values())
    what = "pixel holds" if count == 1 else "pixels hold"
    return (f"mask: {count:,} {what} {which} in every pattern, the mark of a gap or a dead pixel; masked",)


def _candidates(tally: Tally) -> Bool[np.ndarray, "y x"]:
    """Pixels that stay at a known mark, or at a value above what all others are on average."""
    top, at, seen, mean = tally
    stays = (top > 0) & (at >= NEARLY_ALL * seen) & (2 * seen >= seen.max(initial=0))
    if not stays.any():
        return stays
    known, value = np.isin(top, _marks(top.dtype)), top.astype(float)
    extreme = stays & (known | (value >= mean[~stays].max(initial=0)))
    varying, still = (np.count_nonzero((top > 0) & where) for where in (~stays, stays & ~extreme))
    if seen.max() >= ENOUGH and varying and varying >= LIVELY * (varying + still):
        return extreme
    return stays & known & (value > mean[~(stays & known)].max(initial=0))


def _marks(dtype: np.dtype) -> np.ndarray:
    """What marks are in a number type, into which they may have come from others."""
    if dtype.kind != "f":
        return np.array([mark for mark in MARKS if mark <= np.iinfo(dtype).max], dtype)
    marks = np.array((*MARKS, np.finfo(np.float32).max), float)
    marks = np.concatenate([marks, marks.astype(np.float32)])
    return np.unique(marks[marks <= np.finfo(dtype).max].astype(dtype))


def _saturated(candidates: Bool[np.ndarray, "y x"], tally: Tally) -> Bool[np.ndarray, "y x"]:
    """Candidates in a saturated beam: a spot of them, or the part of a gap that runs through the beam."""
    full, on_the_way, border = _border(candidates, tally)
    value = tally.top.astype(float)
    parts, count = cast(tuple[np.ndarray, int], label(maximum_filter(candidates, 3)))
    length, bright = (np.bincount(parts[where], minlength=count + 1) for where in (border, on_the_way))
    spot = (bright >= MOSTLY * np.maximum(length, 1))[parts] & candidates
    unknown = candidates & ~np.isin(tally.top, _marks(tally.top.dtype))
    for level in np.unique(value[spot & unknown]):  # which no gap has by chance
        same = unknown & (value == level)
        spot |= same if 2 * np.count_nonzero(spot & same) >= np.count_nonzero(same) else False
    middle = np.zeros(candidates.shape, bool)
    middle[tuple(slice(n // 2 - MIDDLE, n // 2 + MIDDLE + 1) for n in candidates.shape)] = True
    spot |= (np.bincount(parts[candidates & ~middle], minlength=count + 1) == 0)[parts]
    if border.any():
        spot |= (_mean_of(full.astype(float), border) >= PARTLY)[_to(border)[1]]
    return candidates & spot & (value < BEYOND)


def _border(candidates: Bool[np.ndarray, "y x"], tally: Tally) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels beside candidates that are as good as full, those on the way to a bright spot, and all."""
    far, nearest = _to(candidates)
    usable = (tally.seen > 0) & ~candidates
    border = usable & (far < 1.5)
    value = tally.top.astype(float)
    level = value[nearest]
    share = np.minimum(tally.mean / level, 1)
    near = _mean_of(share, border) + FLOOR
    away = _mean_of(share, usable & (far > 1.5) & (far <= FAR)) + FLOOR
    full = border & ((near >= FULL) | (value >= level))
    smooth = (near**2 >= away) | (near >= BRIGHT)  # it rises as much to the candidate as it did on the way here
    return full, full | border & smooth & (near >= RISE * away), border


def _to(where: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """How far each pixel is from the nearest one of these, and which that is."""
    far, nearest = cast(tuple[np.ndarray, np.ndarray], distance_transform_edt(~where, return_indices=True))
    return far, tuple(nearest)


def _mean_of(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The mean over such pixels in a window about each pixel; 0 where there is none."""
    total, count = (_sums(array) for array in (np.where(where, values, 0), where.astype(float)))
    return np.where(count > 0.5, total / np.maximum(count, 1), 0)


def _sums(values: np.ndarray) -> np.ndarray:
    ones = np.ones(WINDOW)
    return convolve1d(convolve1d(values, ones, 0, mode="constant"), ones, 1, mode="constant")
