"""The window in which a start probe is made: its pixels in metres, and what fits into it."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset

Lengths = tuple[float, float]
Sampling = Lengths | None
ProbeStart = Callable[[Dataset, Sampling], np.ndarray]


def known_lengths(data: Dataset, sampling: Sampling) -> tuple[Lengths, float]:
    """Object pixel (y, x) and wavelength in metres; raises `InputError` where positions are in pixels."""
    if sampling is None or data.geometry is None:
        raise InputError(
            "A start probe in metres needs wavelength, distance and pixel size; name them in `data.keys`, or leave "
            "the start probe to be estimated."
        )
    return sampling, data.geometry.wavelength


def radius_squared(shape: tuple[int, int], sampling: Lengths) -> Float[np.ndarray, "y x"]:
    """Square of the distance from the window's middle pixel, in square metres."""
    y, x = ((np.arange(n) - n // 2) * pixel for n, pixel in zip(shape, sampling, strict=True))
    return y[:, None] ** 2 + x**2


def check_size(size: float, shape: tuple[int, int], sampling: Lengths) -> None:
    """Raise `InputError` for a size in metres of less than a pixel, or of more than the window."""
    for n, pixel in zip(shape, sampling, strict=True):
        if not pixel <= size <= n * pixel:
            raise InputError(
                f"A start probe of {size:.4g} m does not fit a window of {n} pixels of {pixel:.4g} m "
                f"({n * pixel:.4g} m); give its size in metres, between one pixel and the window."
            )
