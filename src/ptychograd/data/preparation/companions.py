"""What belongs to patterns and changes with their pixels: geometry, positions, start probe and support."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from ptychograd.core.resampling import NewPixels, about_middle, continued_beyond, dark_beyond
from ptychograd.data.dataset import Dataset, frozen, positions_in_pixels
from ptychograd.data.preparation.windows import with_ramp


def on_other_pixels(changed: Dataset, before: Dataset) -> Dataset:
    """Data whose frames are the middle of those before, or hold these in their middle, with all that belongs to them.

    In a far field the window stays, on pixels that are larger by old over new size; in a near field it is another one,
    on the same pixels.
    """
    old, new = before.frame_shape, changed.frame_shape
    steps = [1.0, 1.0] if before.near_field else [n / m for n, m in zip(old, new, strict=True)]
    probe = before.probe
    if probe is not None:
        rows, columns = (about_middle(m, n, s) for m, n, s in zip(new, old, steps, strict=True))
        probe = frozen(dark_beyond(probe, rows, columns).astype(probe.dtype))
    positions = before.positions
    if positions is not None and before.geometry is None:
        positions = frozen(positions / steps)
    part = replace(changed, positions=positions, probe=probe, support=None, truth=None)
    if before.near_field:
        return _with_window(part, before, [n // 2 - m // 2 for n, m in zip(old, new, strict=True)])
    return with_support(part, before.support, steps)


def on_summed_pixels(changed: Dataset, before: Dataset, factors: tuple[int, int]) -> Dataset:
    """Data whose counts are summed up over rectangles of those before, with all that belongs to them."""
    geometry = before.geometry
    if geometry is not None:
        sizes = (factors[0] * geometry.pixel_size[0], factors[1] * geometry.pixel_size[1])
        geometry = replace(geometry, pixel_size=sizes)
    part = replace(changed, geometry=geometry, support=None, truth=None)
    if part.near_field:
        return _with_larger_pixels(part, before, factors)
    inside = [n // 2 - m // 2 for n, m in zip(before.frame_shape, changed.frame_shape, strict=True)]
    part = _with_window(part, before, inside)
    if before.probe is None:
        return part
    window = tuple(slice(i, i + m) for i, m in zip(inside, changed.frame_shape, strict=True))
    away = [((n // 2) % f - (f - 1) / 2) / f for n, f in zip(before.frame_shape, factors, strict=True)]
    return replace(part, probe=with_ramp(before.probe[(slice(None), *window)], (away[0], away[1])))


def _with_larger_pixels(part: Dataset, before: Dataset, factors: tuple[int, int]) -> Dataset:
    probe = before.probe
    if probe is not None:
        rows, columns = (NewPixels(m, (f - 1) / 2, float(f)) for m, f in zip(part.frame_shape, factors, strict=True))
        scale = float(np.sqrt(factors[0] * factors[1]))
        probe = frozen((scale * continued_beyond(probe, rows, columns)).astype(probe.dtype))
    return with_support(replace(part, probe=probe), before.support, [float(f) for f in factors])


def _with_window(part: Dataset, before: Dataset, inside: Sequence[int]) -> Dataset:
    """Data with a narrower window, which begins so many object pixels inside of the one before."""
    positions, support = before.positions, before.support
    if support is not None and positions is not None:
        pixel = np.array((1.0, 1.0) if before.geometry is None else before.geometry.sampling(before.frame_shape))
        positions = frozen(positions + np.asarray(inside) * pixel)
    return replace(part, positions=positions, support=support)


def with_support(part: Dataset, support: Bool[np.ndarray, "Y X"] | None, steps: Sequence[float]) -> Dataset:
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
