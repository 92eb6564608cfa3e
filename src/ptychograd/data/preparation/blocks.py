"""What is done to every frame: at once to patterns in memory, block by block as they are read to those in a file."""

from dataclasses import replace

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset, frozen
from ptychograd.data.dataset.change import FrameChange


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
    return replace(data, patterns=data.store.changed(change, mask), mask=mask, stated=stated)


def ready(data: Dataset) -> Dataset:
    """The data after a look at all that was prepared: in memory if they fit by now, else with what the look told."""
    if not data.is_stored or data.grows or data.store.survey is not None:
        return data
    if not data.store.may_be_loaded:
        patterns, mask, _ = data.store.cleaned(data.mask)
        return replace(data, patterns=patterns, mask=mask)
    counts, mask = data.frames(slice(None))
    if mask.ndim == 3 and (mask == mask[0]).all():
        mask = np.array(mask[0])
    return replace(data, patterns=frozen(counts), mask=mask)


def same(frames: np.ndarray) -> np.ndarray:
    """Frames, or a mask, as they are."""
    return frames
