"""What is done to every frame, each by itself, and how many of them at a time."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

PIXELS_AT_ONCE = 2**20  # of the frames before, so that the memory beside those after is some tens of MB


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

    @property
    def bad_mark(self) -> float | int:
        """The value by which a pixel is known to be bad in the new frames."""
        if self.dtype.kind == "f":
            return np.nan
        return -1 if self.dtype.kind == "i" else int(np.iinfo(self.dtype).max)


def frames_at_once(begin: int, end: int, frame: tuple[int, ...]) -> Iterator[slice]:
    """Parts of the frames from one number up to another that are worked on together."""
    size = max(1, PIXELS_AT_ONCE // max(1, int(np.prod(frame))))
    for first in range(begin, end, size):
        yield slice(first, min(first + size, end))
