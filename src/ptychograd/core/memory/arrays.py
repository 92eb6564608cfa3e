"""Arrays that devices take as they are, and that leave the process when they are freed."""

import ctypes
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LARGE = 10**7  # bytes of an array that goes back to the system when it is freed
MMAP_THRESHOLD = -3  # glibc's M_MMAP_THRESHOLD
ALIGNED = 64  # bytes: a CPU device takes such an array as it is, without a copy


def give_back_large_arrays() -> None:
    """Let freed arrays of more than `LARGE` bytes leave the process, where the C library would keep some for later.

    glibc takes what is freed, up to 32 MB a piece, for what will soon be wanted again, and the holes that are left
    between arrays of different ages make a reconstruction of 2000 x 2000 pixels with Adam a third larger.
    """
    try:
        settle = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # another C library than glibc
        return
    settle(MMAP_THRESHOLD, LARGE)


def aligned_empty(shape: tuple[int, ...], dtype: "np.dtype") -> "np.ndarray":
    """An array yet to be filled, at an address from which a CPU device can take it as it is."""
    import numpy as np  # not read where commands only show their help

    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + ALIGNED, np.uint8)
    begin = -raw.ctypes.data % ALIGNED
    return raw[begin : begin + size].view(dtype).reshape(shape)


def is_aligned(array: "np.ndarray") -> bool:
    """Whether a CPU device takes an array as it is."""
    return array.ctypes.data % ALIGNED == 0 and array.flags.c_contiguous
