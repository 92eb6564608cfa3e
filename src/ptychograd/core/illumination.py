"""How bright a wave is, which pixels of an object a scan lit, and which of a probe met the object; NumPy only."""

import numpy as np
from jaxtyping import Bool, Complex, Float, Inexact, Int, Real

ILLUMINATED = 0.05  # of the brightest illumination: pixels above count as scanned
ROUNDING = 1e-3  # of a pixel: what single precision leaves of a whole number


def brightness(wave: Inexact[np.ndarray, "*modes y x"]) -> Float[np.ndarray, "y x"]:
    """Photons in every pixel, summed over modes, in double precision: in single, squares of 1e20 are infinite."""
    modes = np.asarray(wave).reshape(-1, *wave.shape[-2:])
    return np.sum(np.abs(modes.astype(np.complex128)) ** 2, axis=0)


def of_photons(wave: Inexact[np.ndarray, "*modes y x"], photons: float) -> Complex[np.ndarray, "*modes y x"]:
    """The wave with so many photons in all, however large or small its numbers are; it must not be 0 everywhere."""
    unit = wave.astype(np.complex128) / np.max(np.abs(wave))
    return unit * np.sqrt(photons / np.sum(np.abs(unit) ** 2))


def first_pixels(corners: Real[np.ndarray, "index 2"]) -> Int[np.ndarray, "index 2"]:
    """The whole pixels at which windows begin, of corners that may lie between pixels."""
    return np.floor(np.asarray(corners, np.float64) + ROUNDING).astype(np.int64)


def illumination(
    shape: tuple[int, ...], corners: Real[np.ndarray, "index 2"], probe: Complex[np.ndarray, "modes y x"]
) -> Float[np.ndarray, "Y X"]:
    """Photons that fell on every pixel of an object of this shape, summed over the scan."""
    intensity = brightness(probe)
    total = np.zeros(shape)
    height, width = intensity.shape
    for y, x in first_pixels(corners):
        total[y : y + height, x : x + width] += intensity
    return total


def illuminated_pixels(
    shape: tuple[int, ...],
    corners: Real[np.ndarray, "index 2"],
    probe: Complex[np.ndarray, "modes y x"],
    support: Bool[np.ndarray, "Y X"] | None = None,
) -> Bool[np.ndarray, "Y X"]:
    """Pixels of the object, inside its support if there is one, that the scan lit."""
    total = illumination(shape, corners, probe)
    illuminated = total > ILLUMINATED * total.max()
    return illuminated if support is None else illuminated & support


def met_pixels(
    frame_shape: tuple[int, int], corners: Real[np.ndarray, "index 2"], support: Bool[np.ndarray, "Y X"] | None
) -> Bool[np.ndarray, "y x"]:
    """Pixels of the probe under which, at some position, the unknown part of the object lay."""
    if support is None:
        return np.ones(frame_shape, bool)
    height, width = frame_shape
    met = np.zeros(frame_shape, bool)
    for y, x in first_pixels(corners):
        met |= support[y : y + height, x : x + width]
    return met
