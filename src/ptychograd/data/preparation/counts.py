"""From what a detector writes to photons: dark, gain, flat field, threshold."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from ptychograd.core.errors import InputError
from ptychograd.data.cleaning import spread
from ptychograd.data.dataset import Dataset
from ptychograd.data.dataset.change import FrameChange
from ptychograd.data.preparation.blocks import same, with_frames

BELOW = 4.0  # standard errors by which the mean of a pixel is clearly below its dark
MOSTLY = 0.5  # of the pixels: with more of them below the dark, it is that of other exposures
EVEN = 0.05  # how far a flat field may be from 1, before it matters that counts are no longer those of photons


def real_type(dtype: np.dtype) -> np.dtype:
    """The type of photons that are no whole numbers any more: double precision stays so, all else is single."""
    return np.dtype(np.float64 if dtype == np.float64 else np.float32)


def without_dark(data: Dataset, dark: float | np.ndarray) -> Dataset:
    """The data without what the detector shows in the dark; what comes out below 0 is 0.

    Args:
        data: patterns as the detector wrote them.
        dark: a number, an image (y, x), or exposures (index, y, x), of which the mean is taken; pixels in which it is
            not finite are masked.

    Raises:
        InputError: a dark of another shape, or one that is brighter than the patterns.
    """
    image = _image(data, np.asarray(dark, np.float64), "dark", "exposures (index, y, x)")
    darker = _pixels_darker(data, image)
    if darker.is_most:
        raise InputError(
            f"`data.prepare.dark` is brighter than the patterns: {darker.pixels:.0%} of the pixels are below it on "
            "average; expected what they show without light, in the unit of the patterns and for the same exposure."
        )
    share = darker.values
    kind, known = real_type(data.patterns.dtype), np.isfinite(image)
    level = np.where(known, image, 0).astype(kind)

    def values(frames: np.ndarray) -> np.ndarray:
        return np.maximum(frames.astype(kind) - level, 0)

    kind_text = "" if (image == image.flat[0]).all() else "an image of mean "
    note = f"prepared: dark subtracted, {kind_text}{np.nanmean(image):.6g}"
    if share > 0:
        note += f"; {share:.1%} of the values came out below 0 and are 0"
    changed = with_frames(data, FrameChange(data.frame_shape, kind, values, lambda mask: mask & known))
    return replace(changed, notes=(*data.notes, note))


def in_photons(data: Dataset, gain: float, how: str = "as given") -> Dataset:
    """The data divided by what one photon adds to a pixel.

    Args:
        data: patterns in some unit, 0 where there is no light.
        gain: of that unit for a photon, above 0.
        how: it is known, in words.

    Raises:
        InputError: a gain that is not above 0.
    """
    if not 0 < gain < np.inf:
        raise InputError(f"`data.prepare.gain` {gain:g}: expected what one photon adds to a pixel, above 0.")
    kind = real_type(data.patterns.dtype)

    def values(frames: np.ndarray) -> np.ndarray:
        return frames.astype(kind) / kind.type(gain)

    changed = with_frames(data, FrameChange(data.frame_shape, kind, values, same))
    return replace(changed, notes=(*data.notes, f"prepared: divided by {gain:.6g} a photon, {how}"))


def flat_fielded(data: Dataset, flat: np.ndarray) -> Dataset:
    """The data divided by what each pixel shows of an even light.

    Args:
        data: patterns.
        flat: (y, x) in any unit; only what it is over its median counts. Pixels in which it is not above 0 are masked.

    Raises:
        InputError: a flat field of another shape, or without a pixel above 0.
    """
    image = _image(data, np.asarray(flat, np.float64), "flat", "exposures (index, y, x)")
    known = np.isfinite(image) & (image > 0)
    if not known.any():
        raise InputError("`data.prepare.flat` has no pixel above 0; expected what each pixel shows of an even light.")
    share = np.where(known, image / np.median(image[known]), 1.0)
    kind = real_type(data.patterns.dtype)

    def values(frames: np.ndarray) -> np.ndarray:
        return frames.astype(kind) / share.astype(kind)

    spread_of = float(share[known].std())
    note = f"prepared: divided by a flat field that varies by {spread_of:.1%} rms"
    if spread_of > EVEN:
        note += ", so that the noise is no longer that of photons alone (`model.detector.flat_field` keeps it)"
    if not known.all():
        note += f"; {np.count_nonzero(~known):,} pixels where it is not above 0 are masked"
    changed = with_frames(data, FrameChange(data.frame_shape, kind, values, lambda mask: mask & known))
    return replace(changed, notes=(*data.notes, note))


def above_threshold(data: Dataset, threshold: float) -> Dataset:
    """The data with pixels set to 0 that hold less than so many photons.

    Args:
        data: patterns.
        threshold: photons, above 0.

    Raises:
        InputError: a threshold that is not above 0.
    """
    if not 0 < threshold < np.inf:
        raise InputError(f"`data.prepare.threshold` {threshold:g}: expected a number of photons above 0.")

    def values(frames: np.ndarray) -> np.ndarray:
        return np.where(frames < threshold, np.zeros((), frames.dtype), frames)

    changed = with_frames(data, FrameChange(data.frame_shape, data.patterns.dtype, values, same))
    return replace(changed, notes=(*data.notes, f"prepared: pixels below {threshold:g} photons set to 0"))


def _image(data: Dataset, given: np.ndarray, name: str, several: str) -> Float64[np.ndarray, "y x"]:
    """An image of the frame, from a number, an image, or exposures."""
    image = given.mean(axis=0) if given.ndim == 3 else given
    if image.ndim != 0 and image.shape != data.frame_shape:
        raise InputError(
            f"`data.prepare.{name}` has shape {given.shape}; expected {data.frame_shape}, that of a pattern, "
            f"or {several} of it."
        )
    if not np.isfinite(image).any():
        raise InputError(f"`data.prepare.{name}` holds no finite number.")
    return np.broadcast_to(image, data.frame_shape)


class Darker(NamedTuple):
    """What is below a dark.

    Args:
        pixels: share of those whose mean clearly is.
        values: share of all values of a few patterns that are.
        is_most: whether that can't be the dark of these patterns.
    """

    pixels: float
    values: float
    is_most: bool


def is_darker(data: Dataset, dark: np.ndarray) -> bool:
    """Whether a dark, (y, x) or (index, y, x), is darker than most pixels of the patterns, as theirs is."""
    return not _pixels_darker(
        data, _image(data, np.asarray(dark, np.float64), "dark", "exposures (index, y, x)")
    ).is_most


def _pixels_darker(data: Dataset, dark: Float64[np.ndarray, "y x"]) -> Darker:
    """What of a few patterns is below the dark."""
    frames, mask = data.frames(spread(max(1, data.arrived)))
    valid = np.broadcast_to(mask & np.isfinite(dark), frames.shape)
    above = np.where(valid, frames.astype(np.float64) - np.where(np.isfinite(dark), dark, 0), 0)
    count = np.maximum(valid.sum(axis=0), 1)
    mean = above.sum(axis=0) / count
    error = np.sqrt((np.where(valid, above - mean, 0) ** 2).sum(axis=0)) / count
    clearly = (mean < -BELOW * error - 1e-9) & valid.any(axis=0)
    share = np.count_nonzero(clearly) / max(1, np.count_nonzero(valid.any(axis=0)))
    values = float(np.count_nonzero(above < 0) / max(1, np.count_nonzero(valid)))
    return Darker(share, values, bool(share > MOSTLY or not above.sum() > 0))
