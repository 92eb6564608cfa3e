"""Frames of which each pixel is one of the old frames, or none."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Int

from ptychograd.data.dataset import Dataset, frozen
from ptychograd.data.dataset.change import FrameChange
from ptychograd.data.preparation.blocks import with_frames


class Placed(NamedTuple):
    """Rows and columns of the old frame that those of the new one are, one after another, forwards or backwards.

    Numbers beyond the old frame are none of its own.
    """

    rows: Int[np.ndarray, " Y"]
    columns: Int[np.ndarray, " X"]


def with_placed(data: Dataset, placed: Placed) -> Dataset:
    """The data whose pixels are those of the old frames; what lies beyond these is 0 and masked."""
    there, source = zip(
        *(_stretches(numbers, n) for numbers, n in zip(placed, data.frame_shape, strict=True)), strict=True
    )
    shape = (len(placed.rows), len(placed.columns))

    def moved(frames: np.ndarray) -> np.ndarray:
        new = np.zeros((*frames.shape[:-2], *shape), frames.dtype)
        new[(..., *there)] = frames[(..., *source)]
        return new

    return with_frames(data, FrameChange(shape, data.patterns.dtype, moved, moved))


def _stretches(numbers: Int[np.ndarray, " n"], size: int) -> tuple[slice, slice]:
    """Which pixels of a new axis are of the old one of that size, and which of the old one's they are."""
    known = np.flatnonzero((numbers >= 0) & (numbers < size))
    if not len(known):
        return slice(0, 0), slice(0, 0)
    first, last = int(numbers[known[0]]), int(numbers[known[-1]])
    step = 1 if last >= first else -1
    end = last + step
    return slice(int(known[0]), int(known[-1]) + 1), slice(first, None if end < 0 else end, step)


def with_ramp(
    probe: Complex[np.ndarray, "modes y x"] | None, away: tuple[float, float]
) -> Complex[np.ndarray, "modes y x"] | None:
    """A probe whose far field is `away` pixels (y, x) from the middle: times exp(2πi δ·(r - n // 2)/n)."""
    if probe is None or not any(away):
        return probe
    y, x = (
        np.exp(2j * np.pi * shift * (np.arange(n) - n // 2) / n)
        for shift, n in zip(away, probe.shape[-2:], strict=True)
    )
    return frozen((probe * (y[:, None] * x)).astype(probe.dtype))
