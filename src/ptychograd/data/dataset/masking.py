"""Pixels that are left out: what is known of a detector beside what its patterns show."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from ptychograd.core.errors import InputError
from ptychograd.data.dataset.dataset import Dataset, check_data
from ptychograd.data.dataset.valid import bared, check_share, valid_pixels


def mask_pixels(data: Dataset, valid, *, mask_is: str | None = None, allow_masked: bool = False) -> Dataset:
    """The same data with more pixels masked: what was masked stays so, and all that is not `valid` is added.

    Args:
        data: the data set; it is not changed.
        valid: True where a pixel stays in use, (y, x), or (index, y, x) for patterns in memory.
        mask_is: "bad" if True or non-zero means a pixel that is not valid; by default "good".
        allow_masked: True goes on if fewer than half of the pixels are left, too.

    Raises:
        InputError: a mask of another shape or with numbers that are not finite, or fewer than half of the pixels left.

    Example:
        >>> stopped = pg.data.mask_pixels(data, pg.data.beam_stop(data.frame_shape, 4.0))
        >>> int(stopped.mask.sum()), stopped.mask.size
        (311, 360)
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
    if data.is_stored and valid.ndim == 3:
        raise InputError("Patterns that stay in their file need one mask for all, (y, x); give more `machine.memory`.")
    return replace(data, patterns=data.store.afresh(), mask=mask)


def beam_stop(
    frame_shape: tuple[int, int], radius: float, centre: tuple[float, float] | None = None
) -> Bool[np.ndarray, "y x"]:
    """A mask for `mask_pixels` that is True outside of a disc, as a beam stop in front of the detector needs it.

    Args:
        frame_shape: rows and columns of a pattern, in pixels.
        radius: of the disc, in pixels, 0 or more; pixels at this very distance are masked too.
        centre: (y, x) of the disc, in pixels; by default the middle pixel (ny // 2, nx // 2).

    Returns:
        (y, x), True where a pixel is valid.

    Raises:
        InputError: a radius below 0 or not finite.

    Example:
        >>> pg.data.beam_stop((3, 5), 1.0).astype(int)
        array([[1, 1, 0, 1, 1],
               [1, 0, 0, 0, 1],
               [1, 1, 0, 1, 1]])
    """
    if not 0 <= radius < np.inf:
        raise InputError(f"A beam stop with a radius of {radius:g} pixels; expected 0 or more.")
    middle = centre or (frame_shape[0] // 2, frame_shape[1] // 2)
    y, x = (np.arange(n) - c for n, c in zip(frame_shape, middle, strict=True))
    return y[:, None] ** 2 + x**2 > radius**2


def unsaturated_mask(data: Dataset, level: float) -> Bool[np.ndarray, "index y x"]:
    """A mask for `mask_pixels` that is True where a pattern holds fewer than `level` photons, and is not saturated.

    Args:
        data: the data set, with its patterns in memory.
        level: photons a pixel from which on the detector is saturated, above 0.

    Returns:
        (index, y, x), True where a pixel is valid.

    Raises:
        InputError: a level that is not above 0, or patterns that stay in their file.

    Example:
        >>> dim = pg.data.mask_pixels(data, pg.data.unsaturated_mask(data, 300.0))
        >>> dim.mask.shape, dim.largest < 300
        ((56, 20, 18), True)
    """
    check_data(data)
    if not 0 < level < np.inf:
        raise InputError(f"Pixels that are saturated at {level:g} photons; expected a number above 0.")
    if data.is_stored:
        raise InputError(
            "Saturated pixels of patterns that stay in their file can't be masked one by one; give more "
            "`machine.memory`, or take them as full ones (`model.detector.saturation`)."
        )
    return np.asarray(data.patterns) < level
