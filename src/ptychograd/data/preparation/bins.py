"""Counts summed up over rectangles of pixels."""

from dataclasses import replace

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset
from ptychograd.data.dataset.change import FrameChange
from ptychograd.data.preparation.blocks import with_frames
from ptychograd.data.preparation.companions import on_summed_pixels


def binned(data: Dataset, factors: tuple[int, int]) -> Dataset:
    """The data with counts summed up over rectangles of pixels, counted from the first; a sum with a bad pixel is bad.

    In a far field the window gets narrower, with the same object pixels; in a near field it stays, with larger ones.

    Args:
        data: patterns.
        factors: rows and columns of pixels that become one.

    Raises:
        InputError: factors that do not divide the frame, or rocking curves.
    """
    if data.rocking_curve:
        raise InputError(f"`data.prepare.bin`: {data.source} holds rocking curves; bin them before they are read.")
    shape = data.frame_shape
    if any(n % factor for n, factor in zip(shape, factors, strict=True)):
        fitting = [n // factor * factor for n, factor in zip(shape, factors, strict=True)]
        raise InputError(
            f"`data.prepare.bin` {list(factors)} does not divide the frame of {list(shape)} pixels; expected factors "
            f"that do, or `data.prepare.crop` {fitting}."
        )
    if factors == (1, 1):
        return data
    small = (shape[0] // factors[0], shape[1] // factors[1])
    wide = data.patterns.dtype
    wide = wide if wide.kind == "f" else np.dtype(np.uint32 if wide.itemsize <= 2 else np.uint64)

    def split(frames: np.ndarray) -> np.ndarray:
        return frames.reshape(*frames.shape[:-2], small[0], factors[0], small[1], factors[1])

    def summed(frames: np.ndarray) -> np.ndarray:
        return split(frames).sum(axis=(-3, -1), dtype=wide)

    def whole(mask: np.ndarray) -> np.ndarray:
        return np.asarray(split(mask).all(axis=(-3, -1)))

    changed = on_summed_pixels(with_frames(data, FrameChange(small, wide, summed, whole)), data, factors)
    note = (
        f"prepared: {factors[0]} x {factors[1]} pixels summed up to one, {small[0]} x {small[1]} of "
        f"{shape[0]} x {shape[1]}"
    )
    return replace(changed, notes=(*data.notes, note))
