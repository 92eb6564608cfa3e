"""The linear phase of an image, which is an ambiguity of far-field ptychography and no property of the object."""

import numpy as np
from jaxtyping import Bool, Complex, Inexact


def phase_slopes(image: Inexact[np.ndarray, "y x"], illuminated: Bool[np.ndarray, "y x"]) -> tuple[float, float]:
    """The mean phase step from a pixel to the next along y and x, weighted with the amplitude, in radians."""
    inside = np.where(illuminated, image, 0)
    slopes = []
    for axis in (0, 1):
        here, there = np.delete(inside, -1, axis), np.delete(inside, 0, axis)
        slopes.append(float(np.angle(np.sum(there * np.conj(here)))))
    return slopes[0], slopes[1]


def ramp(shape: tuple[int, ...], slopes: tuple[float, float]) -> Complex[np.ndarray, "y x"]:
    """exp(i(s_y y + s_x x)) over pixels."""
    along_y, along_x = (np.exp(1j * slope * np.arange(n)) for n, slope in zip(shape, slopes, strict=True))
    return along_y[:, None] * along_x
