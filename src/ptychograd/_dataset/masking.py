"""Pixels that are left out: what is known of a detector beside what its patterns show."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from ptychograd._dataset.dataset import Dataset, check_data
from ptychograd._dataset.stored import StoredPatterns
from ptychograd._dataset.valid import bared, check_share, valid_pixels
from ptychograd._errors import InputError


def masked(data: Dataset, valid, *, mask_is: str | None = None, allow_masked: bool = False) -> Dataset:
    """The data with other pixels than the `valid` ones masked: (y, x), or (index, y, x) for patterns in memory.

    Args:
        mask_is: "bad" if True or non-zero means a pixel that is not valid; by default "good".
        allow_masked: go on if fewer than half of the pixels are left.

    Example:
        data = masked(data, beam_stop(data.frame_shape, 4) & ~dead_pixels)
    """
    check_data(data)
    if not np.all(np.isfinite(bared(valid)[0])):
        raise InputError("The mask holds numbers that are not finite; expected 0 where a pixel is left out, else 1.")
    valid = valid_pixels(valid, data.patterns.shape, mask_is)
    if valid.shape not in (data.frame_shape, (data.count, *data.frame_shape)):
        raise InputError(
            f"The mask has shape {valid.shape}; expected {data.frame_shape} or {(data.count, *data.frame_shape)}."
        )
    mask = data.mask & valid
    if not allow_masked:
        check_share(mask, data.notes)
    if not isinstance(data.patterns, StoredPatterns):
        return replace(data, mask=mask)
    if valid.ndim == 3:
        raise InputError("Patterns that stay in their file need one mask for all, (y, x); give more --memory.")
    patterns = data.patterns.of(data.count)
    patterns.used = data.patterns.used
    return replace(data, patterns=patterns, mask=mask)


def beam_stop(
    frame_shape: tuple[int, int], radius: float, centre: tuple[float, float] | None = None
) -> Bool[np.ndarray, "y x"]:
    """True outside of a disc of `radius` pixels about `centre` (y, x), the middle pixel unless given."""
    if not 0 <= radius < np.inf:
        raise InputError(f"A beam stop with a radius of {radius:g} pixels; expected 0 or more.")
    middle = centre or (frame_shape[0] // 2, frame_shape[1] // 2)
    y, x = (np.arange(n) - c for n, c in zip(frame_shape, middle, strict=True))
    return y[:, None] ** 2 + x**2 > radius**2


def below(data: Dataset, level: float) -> Bool[np.ndarray, "index y x"]:
    """True where a pattern holds fewer than `level` photons: where it is not saturated."""
    check_data(data)
    if not 0 < level < np.inf:
        raise InputError(f"Pixels that are saturated at {level:g} photons; expected a number above 0.")
    if isinstance(data.patterns, StoredPatterns):
        raise InputError(
            "Saturated pixels of patterns that stay in their file can't be masked one by one; give more --memory, or "
            "take them as full ones (--saturation)."
        )
    return data.patterns < level
