"""What is done to every frame: at once to patterns in memory, block by block as they are read to those in a file."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Real

from ptychograd.core.errors import InputError
from ptychograd.core.memory import aligned_empty
from ptychograd.data.cleaning import bad_pixels
from ptychograd.data.dataset import Dataset, StoredPatterns, frozen
from ptychograd.data.dataset.stored import surveyed

PIXELS_AT_ONCE = 2**20  # of the frames before, so that the memory beside those after is some tens of MB

Frames = Real[np.ndarray, "index y x"]
Mask = Bool[np.ndarray, "... y x"]


class FrameChange(NamedTuple):
    """What is done to frames, each by itself.

    Args:
        shape: rows and columns of a frame after it.
        dtype: number type after it.
        values: makes the new frames (index, Y, X) of some (index, y, x), in which bad pixels are 0.
        valid: makes the mask (..., Y, X) of the new frames from that of the old ones.
    """

    shape: tuple[int, int]
    dtype: np.dtype
    values: Callable[[np.ndarray], np.ndarray]
    valid: Callable[[np.ndarray], np.ndarray]


def with_frames(data: Dataset, change: FrameChange) -> Dataset:
    """The data with changed frames and mask; all else stays.

    Patterns that stay in their file are changed as they are read; of these nothing is read now.

    Raises:
        InputError: no pixel is left valid.
    """
    mask = frozen(np.ascontiguousarray(change.valid(data.mask)))
    if not mask.any():
        raise InputError(f"{data.source}: no valid pixel is left of the frames; mend the fields of `data.prepare`.")
    stated = data.stated if change.shape == data.frame_shape else data.stated.without("centre", "dark", "flat")
    patterns = data.patterns
    changed = _in_file(patterns, mask, change) if isinstance(patterns, StoredPatterns) else _in_memory(patterns, change)
    return replace(data, patterns=changed, mask=mask, stated=stated)


def _in_memory(patterns: Frames, change: FrameChange) -> Real[np.ndarray, "index Y X"]:
    changed = aligned_empty((len(patterns), *change.shape), change.dtype)
    for part in _parts(0, len(patterns), patterns.shape[1:]):
        changed[part] = change.values(patterns[part])
    return frozen(changed)


def _in_file(patterns: StoredPatterns, mask: Bool[np.ndarray, "y x"], change: FrameChange) -> StoredPatterns:
    """Patterns that are changed when they are read, with the marks of bad pixels in those that are made of them."""

    def read(begin: int, end: int, into: np.ndarray) -> None:
        for part in _parts(begin, end, patterns.shape[1:]):
            frames = aligned_empty((part.stop - part.start, *patterns.shape[1:]), patterns.dtype)
            patterns.read_into(part.start, part.stop, frames)
            bad = bad_pixels(frames)
            if bad is not None:
                frames[bad] = 0
            frames[:, patterns.gap] = 0
            out = into[part.start - begin : part.stop - begin]
            out[...] = change.values(frames)
            if bad is not None:
                out[~change.valid(~bad) & mask] = bad_mark(change.dtype)

    return _fresh(patterns, read, (len(patterns), *change.shape), change.dtype, patterns.used)


def chosen_in_file(patterns: StoredPatterns, numbers: np.ndarray) -> StoredPatterns:
    """Patterns of these numbers, in this order, which stay where they are."""

    def read(begin: int, end: int, into: np.ndarray) -> None:
        wanted = numbers[begin:end]
        edges = [0, *(np.flatnonzero(np.diff(wanted) != 1) + 1).tolist(), len(wanted)]
        for first, last in pairwise(edges):
            patterns.read_into(int(wanted[first]), int(wanted[last - 1]) + 1, into[first:last])

    used = None if patterns.used is None else patterns.used[numbers]
    chosen = _fresh(patterns, read, (len(numbers), *patterns.shape[1:]), patterns.dtype, used)
    chosen.gap = patterns.gap
    chosen.photons = None if patterns.photons is None else patterns.photons[numbers]
    return chosen


def _fresh(
    patterns: StoredPatterns,
    read: Callable[[int, int, np.ndarray], None],
    shape: tuple[int, int, int],
    dtype: np.dtype,
    used: Bool[np.ndarray, " index"] | None,
) -> StoredPatterns:
    """Patterns that are read otherwise, of which nothing is known yet but that their gaps were looked for."""
    fresh = patterns.read_by(read, shape, dtype)
    fresh.used, fresh.gap_notes = used, ()
    return fresh


def ready(data: Dataset) -> Dataset:
    """The data after a look at all that was prepared: in memory if they fit by now, else with what the look told."""
    patterns = data.patterns
    if not isinstance(patterns, StoredPatterns) or patterns.grows or patterns.survey is not None:
        return data
    if patterns.keep.holds(patterns.nbytes):
        patterns, mask, _ = surveyed(patterns, data.mask)
        return replace(data, patterns=patterns, mask=mask)
    counts, mask = data.frames(slice(None))
    if mask.ndim == 3 and (mask == mask[0]).all():
        mask = np.array(mask[0])
    return replace(data, patterns=frozen(counts), mask=mask)


def bad_mark(dtype: np.dtype) -> float | int:
    """The value by which a pixel is known to be bad in frames of a type."""
    if dtype.kind == "f":
        return np.nan
    return -1 if dtype.kind == "i" else int(np.iinfo(dtype).max)


def _parts(begin: int, end: int, frame: tuple[int, ...]):
    size = max(1, PIXELS_AT_ONCE // max(1, int(np.prod(frame))))
    for first in range(begin, end, size):
        yield slice(first, min(first + size, end))


def same(frames: np.ndarray) -> np.ndarray:
    """Frames, or a mask, as they are."""
    return frames
