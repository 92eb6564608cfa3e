"""First guesses of the probe from what made it: a square or round opening, or a Gaussian focus."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Complex

from ptychograd.models.starts.free_space import propagated, tell_what_is_lost
from ptychograd.models.starts.windows import (
    Lengths,
    ProbeStart,
    check_size,
    disc,
    known_lengths,
    pair,
    radius_squared,
)


def aperture(width: float, defocus: float = 0.0) -> ProbeStart:
    """A start probe for recipes: the wave `defocus` metres behind an evenly lit square aperture.

    It is whole pixels wide. The distance may be any; what leaves the window on the way is gone.

    Args:
        width: of the square, in metres, between one object pixel and the window.
        defocus: metres behind it, downstream if positive; by default 0.

    Returns:
        a function that makes the wave (y, x) for a dataset and its object pixels, as `far_field` takes it for `probe`.

    Example:
        >>> geometry = pg.Geometry(wavelength=1.5e-10, distance=2.0, pixel_size=(75e-6, 75e-6))
        >>> scan = pg.make_dataset(np.ones((2, 16, 20)), [[0, 0], [0, 1e-6]], geometry=geometry)
        >>> pg.far_field(scan, probe=pg.models.aperture(2e-6)).probe.modes.shape
        (1, 16, 20)
    """
    return _opening(square_wave, width, defocus)


def pinhole(diameter: float, defocus: float = 0.0) -> ProbeStart:
    """A start probe for recipes: the wave `defocus` metres behind an evenly lit round opening.

    Pixels at the edge count with their share; the rest is as of an `aperture`.

    Args:
        diameter: of the opening, in metres, between one object pixel and the window.
        defocus: metres behind it, downstream if positive; by default 0.

    Returns:
        a function that makes the wave (y, x) for a dataset and its object pixels, as `far_field` takes it for `probe`.

    Example:
        >>> geometry = pg.Geometry(wavelength=1.5e-10, distance=2.0, pixel_size=(75e-6, 75e-6))
        >>> scan = pg.make_dataset(np.ones((2, 16, 20)), geometry=geometry)
        >>> pg.models.pinhole(2e-6)(scan, geometry.sampling(scan.frame_shape)).shape
        (16, 20)
    """
    return _opening(round_wave, diameter, defocus)


def focal_spot(fwhm: float | Lengths, defocus: float | Lengths = 0.0) -> ProbeStart:
    """A start probe for recipes: the wave `defocus` metres behind a Gaussian focus, as of a Kirkpatrick-Baez pair.

    Along each axis it is (1 + iζ)^(-1/2) exp(-x² / (w² (1 + iζ))), ζ = λz/(πw²), w = fwhm/√(2 ln 2) (A. E. Siegman,
    Lasers, section 17.1), at any distance; a mirror pair has widths and distances of its own along y and x.

    Args:
        fwhm: width of the focus at half of its intensity, in metres, between one object pixel and the window; or (y,
            x).
        defocus: z, metres behind the focus, downstream if positive; or (y, x); by default 0.

    Returns:
        a function that makes the wave (y, x) for a dataset and its object pixels, as `far_field` takes it for `probe`.

    Example:
        >>> geometry = pg.Geometry(wavelength=1.5e-10, distance=2.0, pixel_size=(75e-6, 75e-6))
        >>> scan = pg.make_dataset(np.ones((2, 16, 20)), [[0, 0], [0, 1e-6]], geometry=geometry)
        >>> mirrors = pg.models.focal_spot((1e-6, 8e-7), defocus=(1e-3, -2e-3))
        >>> pg.far_field(scan, probe=mirrors).probe.modes.shape
        (1, 16, 20)
    """

    def start(data, sampling):
        lengths, wavelength = known_lengths(data, sampling)
        check_size(fwhm, data.frame_shape, lengths)
        waves = []
        for n, pixel, width, z in zip(data.frame_shape, lengths, pair(fwhm), pair(defocus), strict=True):
            radius = width / np.sqrt(2 * np.log(2))
            spread = 1 + 1j * wavelength * z / (np.pi * radius**2)
            x = pixel * (np.arange(n) - n // 2)
            waves.append(np.exp(-((x / radius) ** 2) / spread) / np.sqrt(spread))
        whole = np.pi * np.prod(pair(fwhm)) / (4 * np.log(2)) / np.prod(lengths)
        tell_what_is_lost(found := waves[0][:, None] * waves[1], float(whole), lengths)
        return found

    return start


def square_wave(shape: tuple[int, int], sampling: tuple[float, float], width: float) -> Complex[np.ndarray, "y x"]:
    """1 inside a square of `width` metres, whole pixels wide, in the middle of the window; 0 outside."""
    sides = []
    for n, pixel in zip(shape, sampling, strict=True):
        pixels = round(width / pixel)
        start = n // 2 - pixels // 2
        sides.append((np.arange(n) >= start) & (np.arange(n) < start + pixels))
    return (sides[0][:, None] & sides[1]).astype(complex)


def round_wave(shape: tuple[int, int], sampling: tuple[float, float], diameter: float) -> Complex[np.ndarray, "y x"]:
    """1 inside a circle of `diameter` metres about the window's middle pixel, 0 outside, its share on the edge."""
    return disc(shape, sampling, diameter / 2).astype(complex)


def gaussian_wave(shape: tuple[int, int], sampling: tuple[float, float], fwhm: float) -> Complex[np.ndarray, "y x"]:
    """A Gaussian about the window's middle pixel; `fwhm` in metres is that of its intensity."""
    return np.exp(-2 * np.log(2) * radius_squared(shape, sampling) / fwhm**2).astype(complex)


def _opening(wave_of: Callable, size: float, defocus: float) -> ProbeStart:
    def start(data, sampling):
        lengths, wavelength = known_lengths(data, sampling)
        check_size(size, data.frame_shape, lengths)
        return propagated(wave_of(data.frame_shape, lengths, size), lengths, wavelength, defocus)

    return start
