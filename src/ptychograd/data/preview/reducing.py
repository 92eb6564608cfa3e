"""Patterns on fewer pixels: the middle of the detector, or sums over neighbouring pixels."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Real

from ptychograd.core.resampling import NewPixels, about_middle, continued_beyond, dark_beyond
from ptychograd.data.dataset import Dataset, frozen, positions_in_pixels

Reduction = Callable[[Dataset, int], Dataset]


def fewer(size: int, factor: int) -> int:
    """Pixels that are left of so many along a side: an even number, so that the middle pixel stays in the middle."""
    return size if factor == 1 else 2 * (size // (2 * factor))


def middle(size: int, part: int) -> slice:
    """The pixels about the middle one."""
    return slice(size // 2 - part // 2, size // 2 - part // 2 + part)


def cropped(data: Dataset, factor: int) -> Dataset:
    """Far-field patterns of the middle of the detector: the window is the same, with larger object pixels."""
    shape, inside = _shape(data, factor), _inside(data, factor)
    patterns, mask = data.frames(slice(None))
    steps = [n / m for n, m in zip(data.frame_shape, shape, strict=True)]
    probe = data.probe
    if probe is not None:
        rows, columns = (about_middle(m, n, s) for m, n, s in zip(shape, data.frame_shape, steps, strict=True))
        probe = frozen(dark_beyond(probe, rows, columns).astype(probe.dtype))
    positions = data.positions
    if positions is not None and data.geometry is None:
        positions = frozen(positions / steps)
    part = replace(
        data,
        patterns=frozen(np.ascontiguousarray(patterns[(..., *inside)])),
        mask=frozen(np.ascontiguousarray(mask[(..., *inside)])),
        positions=positions,
        probe=probe,
        support=None,
        truth=None,
    )
    return _with_support(part, data.support, steps)


def binned_far_field(data: Dataset, factor: int) -> Dataset:
    """Far-field counts summed up over squares of pixels: a narrower window, with the same object pixels.

    The zero frequency then lies beside the middle of a large pixel, which is a phase ramp over the probe.
    """
    shape, inside, probe = _shape(data, factor), _inside(data, factor), data.probe
    patterns, mask = _summed(data, factor, tuple(_block(n, factor) for n in data.frame_shape))
    if probe is not None:
        off = (factor - 1) / (2 * factor)
        y, x = (np.exp(-2j * np.pi * off * (np.arange(m) - m // 2) / m) for m in shape)
        probe = frozen((probe[(slice(None), *inside)] * (y[:, None] * x)).astype(probe.dtype))
    positions, support = data.positions, data.support
    if positions is not None and support is not None:
        pixel = np.array((1.0, 1.0) if data.geometry is None else data.geometry.sampling(data.frame_shape))
        positions = frozen(positions + [part.start for part in inside] * pixel)
    return replace(
        data,
        patterns=patterns,
        mask=mask,
        positions=positions,
        geometry=_with_larger_pixels(data, factor),
        probe=probe,
        truth=None,
    )


def binned_near_field(data: Dataset, factor: int) -> Dataset:
    """Shadows with counts summed up over squares of pixels: the same window, with larger object pixels."""
    shape = _shape(data, factor)
    patterns, mask = _summed(data, factor, tuple(slice(0, factor * m) for m in shape))
    probe = data.probe
    if probe is not None:
        rows, columns = (NewPixels(m, (factor - 1) / 2, float(factor)) for m in shape)
        probe = frozen((factor * continued_beyond(probe, rows, columns)).astype(probe.dtype))
    part = replace(
        data,
        patterns=patterns,
        mask=mask,
        geometry=_with_larger_pixels(data, factor),
        probe=probe,
        support=None,
        truth=None,
    )
    return _with_support(part, data.support, [float(factor)] * 2)


def _shape(data: Dataset, factor: int) -> tuple[int, int]:
    rows, columns = (fewer(n, factor) for n in data.frame_shape)
    return rows, columns


def _inside(data: Dataset, factor: int) -> tuple[slice, ...]:
    return tuple(middle(n, m) for n, m in zip(data.frame_shape, _shape(data, factor), strict=True))


def _block(size: int, factor: int) -> slice:
    """Pixels that are summed up, the middle one the first of its square."""
    return middle(size, factor * fewer(size, factor))


def _summed(
    data: Dataset, factor: int, used: tuple[slice, ...]
) -> tuple[Real[np.ndarray, "index y x"], Bool[np.ndarray, "..."]]:
    """Counts of squares of pixels, and those squares of which every pixel is valid."""
    patterns, mask = data.frames(slice(None))
    mask = mask[(..., *used)]
    counts = np.where(mask, patterns[(..., *used)], 0)
    wide = counts.dtype if counts.dtype.kind == "f" else np.dtype(np.uint32 if counts.itemsize <= 2 else np.uint64)
    whole = np.asarray(_squares(mask, factor).all(axis=(-3, -1)))
    return frozen(_squares(counts, factor).sum(axis=(-3, -1), dtype=wide)), frozen(whole)


def _squares(array: np.ndarray, factor: int) -> np.ndarray:
    rows, columns = (n // factor for n in array.shape[-2:])
    return array.reshape(*array.shape[:-2], rows, factor, columns, factor)


def _with_larger_pixels(data: Dataset, factor: int):
    geometry = data.geometry
    if geometry is None:
        return None
    return replace(geometry, pixel_size=(factor * geometry.pixel_size[0], factor * geometry.pixel_size[1]))


def _with_support(part: Dataset, support: Bool[np.ndarray, "Y X"] | None, steps: list[float]) -> Dataset:
    """The data with the support on larger pixels: unknown where one of the smaller ones is."""
    if support is None:
        return part
    reduced = support
    for axis, step in enumerate(steps):
        firsts = np.floor(step * np.arange(int(np.ceil(support.shape[axis] / step)))).astype(int)
        reduced = np.logical_or.reduceat(reduced, firsts, axis=axis)
    needed = np.round(positions_in_pixels(part, None)).max(axis=0).astype(int) + part.frame_shape
    margin = [(0, max(0, int(n) - size)) for n, size in zip(needed, reduced.shape, strict=True)]
    return replace(part, support=frozen(np.pad(reduced, margin)))
