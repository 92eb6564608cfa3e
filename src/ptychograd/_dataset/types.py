"""Number types: those that arrays come in, and those that hold what is made of them."""

import numpy as np
from jaxtyping import Float64

from ptychograd._errors import InputError

COUNTED_IN = (np.uint16, np.uint32, np.uint64)  # whose largest value marks a gap


def counted_in(dtype: np.dtype) -> np.dtype:
    """The type in which counts of some type are kept: the same in the machine's byte order, 64 bits at most."""
    return np.dtype(np.float64) if dtype.kind == "f" and dtype.itemsize > 8 else dtype.newbyteorder("=")


def square_held_in(roots: np.ndarray) -> np.dtype:
    """The smallest type that holds the squares of numbers, none of them negative, below what marks a gap in it."""
    largest = roots.max(initial=0).item() ** 2
    if roots.dtype.kind == "f":
        wide = max(roots.dtype, np.dtype(np.float32))
        return wide if largest <= float(np.finfo(wide).max) else np.dtype(np.float64)
    return next((np.dtype(t) for t in COUNTED_IN if largest < np.iinfo(t).max - 1), np.dtype(np.float64))


def real_positions(positions) -> Float64[np.ndarray, "..."]:
    """Positions as float64, whatever real numbers they come in."""
    given = np.asarray(positions)
    try:
        if given.dtype.kind in "cmM":
            raise TypeError("they are no real numbers")
        return np.ascontiguousarray(given, np.float64)
    except (TypeError, ValueError) as problem:
        raise InputError(f"The positions are {given.dtype}; expected real numbers, each (y, x) ({problem}).") from None


def as_modes(probe) -> np.ndarray:
    """A start probe as complex modes, one where it has no axis of them."""
    modes = np.asarray(probe)
    if modes.dtype.kind not in "biufc":
        raise InputError(f"The start probe is {modes.dtype}; expected complex numbers (y, x) or (modes, y, x).")
    modes = modes[None] if modes.ndim == 2 else modes
    return modes if np.iscomplexobj(modes) else modes.astype(np.complex64)
