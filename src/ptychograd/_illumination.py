"""Which pixels of an object a scan lit, and which of a probe met the object; NumPy only."""

import numpy as np
from jaxtyping import Bool, Complex, Float, Int

LIT = 0.05  # of the brightest illumination: pixels above count as scanned


def illumination(
    shape: tuple[int, ...], corners: Int[np.ndarray, "index 2"], probe: Complex[np.ndarray, "modes y x"]
) -> Float[np.ndarray, "Y X"]:
    """Photons that fell on every pixel of an object of this shape, summed over the scan."""
    intensity = np.sum(np.abs(probe) ** 2, axis=0)
    total = np.zeros(shape)
    height, width = intensity.shape
    for y, x in corners:
        total[y : y + height, x : x + width] += intensity
    return total


def lit_pixels(
    shape: tuple[int, ...],
    corners: Int[np.ndarray, "index 2"],
    probe: Complex[np.ndarray, "modes y x"],
    support: Bool[np.ndarray, "Y X"] | None = None,
) -> Bool[np.ndarray, "Y X"]:
    """Pixels of the object, inside its support if there is one, that the scan lit."""
    total = illumination(shape, corners, probe)
    lit = total > LIT * total.max()
    return lit if support is None else lit & support


def met_pixels(
    frame_shape: tuple[int, int], corners: Int[np.ndarray, "index 2"], support: Bool[np.ndarray, "Y X"] | None
) -> Bool[np.ndarray, "y x"]:
    """Pixels of the probe under which, at some position, the unknown part of the object lay."""
    if support is None:
        return np.ones(frame_shape, bool)
    height, width = frame_shape
    met = np.zeros(frame_shape, bool)
    for y, x in corners:
        met |= support[y : y + height, x : x + width]
    return met
