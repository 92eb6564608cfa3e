"""Patterns on fewer pixels: the middle of the detector, or sums over neighbouring pixels, as `prepare` makes them."""

from collections.abc import Callable
from dataclasses import replace

from ptychograd.data.dataset import Dataset, frozen
from ptychograd.data.preparation import bins, frame

Reduction = Callable[[Dataset, int], Dataset]


def fewer(size: int, factor: int) -> int:
    """Pixels that are left of so many along a side: an even number, so that the middle pixel stays in the middle."""
    return size if factor == 1 else 2 * (size // (2 * factor))


def middle(size: int, part: int) -> slice:
    """The pixels about the middle one."""
    return slice(size // 2 - part // 2, size // 2 - part // 2 + part)


def cropped(data: Dataset, factor: int) -> Dataset:
    """Far-field patterns of the middle of the detector: the window is the same, with larger object pixels."""
    return frame.cropped(_in_memory(data), _shape(data, factor))


def binned(data: Dataset, factor: int) -> Dataset:
    """Counts summed up over squares of pixels: of a far field a narrower window, of a near field larger pixels."""
    rows, columns = _shape(data, factor)
    whole = frame.cropped(_in_memory(data), (factor * rows, factor * columns))
    return bins.binned(whole, (factor, factor))


def _shape(data: Dataset, factor: int) -> tuple[int, int]:
    rows, columns = (fewer(n, factor) for n in data.frame_shape)
    return rows, columns


def _in_memory(data: Dataset) -> Dataset:
    """The data with patterns that were read, if they were in their file."""
    if not data.is_stored:
        return data
    patterns, mask = data.frames(slice(None))
    return replace(data, patterns=frozen(patterns), mask=frozen(mask))
