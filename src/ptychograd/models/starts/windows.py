"""The window in which a start probe is made: its pixels in metres, and what fits into it."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset

Lengths = tuple[float, float]
Sampling = Lengths | None
ProbeStart = Callable[[Dataset, Sampling], np.ndarray]
LINES = 16  # across a pixel, of which each is cut exactly by a circle


def known_lengths(data: Dataset, sampling: Sampling) -> tuple[Lengths, float]:
    """Object pixel (y, x) and wavelength in metres; raises `InputError` where positions are in pixels."""
    if sampling is None or data.geometry is None:
        raise InputError(
            "A start probe in metres needs wavelength, distance and pixel size; name them in `data.keys`, or leave "
            "the start probe to be estimated."
        )
    return sampling, data.geometry.wavelength


def pair(lengths: float | Lengths) -> Lengths:
    """One length along y and one along x, of two or of one for both."""
    along_y, along_x = (lengths, lengths) if isinstance(lengths, int | float) else lengths
    return float(along_y), float(along_x)


def radius_squared(shape: tuple[int, int], sampling: Lengths) -> Float[np.ndarray, "y x"]:
    """Square of the distance from the window's middle pixel, in square metres."""
    y, x = ((np.arange(n) - n // 2) * pixel for n, pixel in zip(shape, sampling, strict=True))
    return y[:, None] ** 2 + x**2


def disc(shape: tuple[int, int], spacing: Lengths, radius: float) -> Float[np.ndarray, "y x"]:
    """Share of each pixel that lies in a circle about the middle pixel n // 2; radius and spacing in one unit."""
    rows, columns = ((np.arange(n) - n // 2) * pixel for n, pixel in zip(shape, spacing, strict=True))
    within = (np.arange(LINES) + 0.5) / LINES - 0.5
    y = rows[:, None] + within * spacing[0]
    half = np.sqrt(np.maximum(radius**2 - y**2, 0))[..., None]  # of the chord along x: row, line, 1
    right, left = np.minimum(columns + spacing[1] / 2, half), np.maximum(columns - spacing[1] / 2, -half)
    return np.mean(np.maximum(right - left, 0), axis=1) / spacing[1]


def check_size(size: float | Lengths, shape: tuple[int, int], sampling: Lengths) -> None:
    """Raise `InputError` for a size in metres of less than a pixel, or of more than the window."""
    for length, n, pixel in zip(pair(size), shape, sampling, strict=True):
        if not pixel <= length <= n * pixel:
            raise InputError(
                f"A start probe of {length:.4g} m does not fit a window of {n} pixels of {pixel:.4g} m "
                f"({n * pixel:.4g} m); give its size in metres, between one pixel and the window."
            )
