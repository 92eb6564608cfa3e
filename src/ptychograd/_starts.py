"""Where a reconstruction starts: first guesses of probe and object."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Complex, Float

from ptychograd._dataset import Dataset
from ptychograd._errors import InputError
from ptychograd._fourier import centred, exact_fft, exact_ifft, uncentred
from ptychograd._propagators import fresnel_kernel

Sampling = tuple[float, float] | None
ProbeStart = Callable[[Dataset, Sampling], np.ndarray]
ObjectStart = Callable[[tuple[int, int]], np.ndarray]


def aperture(width: float, defocus: float = 0.0) -> ProbeStart:
    """The wave `defocus` metres behind an evenly lit square aperture of `width` metres."""
    return _opening(square_wave, width, defocus)


def pinhole(diameter: float, defocus: float = 0.0) -> ProbeStart:
    """The wave `defocus` metres behind an evenly lit round opening of `diameter` metres."""
    return _opening(round_wave, diameter, defocus)


def focal_spot(fwhm: float, defocus: float = 0.0) -> ProbeStart:
    """The wave `defocus` metres behind a Gaussian focus, `fwhm` metres wide at half of its intensity."""
    return _opening(gaussian_wave, fwhm, defocus)


def square_wave(
    shape: tuple[int, int], sampling: tuple[float, float], width: float
) -> Complex[np.ndarray, "y x"]:
    """1 inside a square of `width` metres, whole pixels wide, in the middle of the window; 0 outside."""
    sides = []
    for n, pixel in zip(shape, sampling, strict=True):
        pixels = round(width / pixel)
        start = n // 2 - pixels // 2
        sides.append((np.arange(n) >= start) & (np.arange(n) < start + pixels))
    return (sides[0][:, None] & sides[1]).astype(complex)


def round_wave(
    shape: tuple[int, int], sampling: tuple[float, float], diameter: float
) -> Complex[np.ndarray, "y x"]:
    """1 inside a circle of `diameter` metres about the window's middle pixel; 0 outside."""
    return (_radius_squared(shape, sampling) < diameter**2 / 4).astype(complex)


def gaussian_wave(
    shape: tuple[int, int], sampling: tuple[float, float], fwhm: float
) -> Complex[np.ndarray, "y x"]:
    """A Gaussian about the window's middle pixel; `fwhm` in metres is that of its intensity."""
    return np.exp(-2 * np.log(2) * _radius_squared(shape, sampling) / fwhm**2).astype(complex)


def defocused(
    wave: Complex[np.ndarray, "y x"], sampling: tuple[float, float], wavelength: float, distance: float
) -> Complex[np.ndarray, "y x"]:
    """The wave after `distance` metres of free space (Eq. 14)."""
    shape = (wave.shape[0], wave.shape[1])
    return exact_ifft(exact_fft(wave) * fresnel_kernel(shape, sampling, wavelength, distance))


def mean_pattern() -> ProbeStart:
    """The wave whose far field is the mean pattern's amplitude with a flat phase: a compact spot."""

    def start(data, sampling):
        mean = np.zeros(data.frame_shape)
        for frame in data.patterns:
            mean += frame
        return centred(exact_ifft(uncentred(np.sqrt(mean * _ever_valid(data) / data.count))))

    return start


def flat_object(shape: tuple[int, int]) -> Complex[np.ndarray, "y x"]:
    """Transmission 1 everywhere, the start for weak objects."""
    return np.ones(shape, complex)


def random_object(seed: int) -> ObjectStart:
    """Amplitudes from 0 to 1 and phases from 0 to π by chance, the paper's start (section 3.3)."""

    def start(shape):
        rng = np.random.default_rng([seed, 1])
        return rng.uniform(0, 1, shape) * np.exp(1j * np.pi * rng.uniform(0, 1, shape))

    return start


def diverse_modes(wave: Complex[np.ndarray, "y x"], count: int) -> Complex[np.ndarray, "modes y x"]:
    """`count` waves that start as `wave` times products of coordinates, like the modes of a laser.

    The first holds most of the power, and all together hold that of `wave`. They differ from the
    start, because equal modes would stay equal.
    """
    power = np.abs(wave) ** 2
    grids = np.meshgrid(*(np.arange(n) for n in wave.shape), indexing="ij")
    coordinates = []
    for grid in grids:
        centre = np.average(grid, weights=power)
        width = np.sqrt(np.average((grid - centre) ** 2, weights=power))
        coordinates.append((grid - centre) / max(width, 1e-6))
    orders = sorted(((i, j) for i in range(count) for j in range(count)), key=lambda ij: (sum(ij), ij))[
        :count
    ]
    y, x = coordinates
    modes = np.stack([wave * y**i * x**j for i, j in orders])
    for mode, order in zip(modes, orders, strict=True):
        if not mode.any():  # a wave one pixel wide has no coordinate to vary with; its neighbours take part
            mode[:] = np.roll(wave, order, axis=(0, 1))
    share = 0.5 ** np.arange(count)
    norms = np.sqrt(np.sum(np.abs(modes) ** 2, axis=(1, 2)))
    return modes * (np.sqrt(share / share.sum() * power.sum()) / norms)[:, None, None]


def _opening(wave_of: Callable, size: float, defocus: float) -> ProbeStart:
    def start(data, sampling):
        if sampling is None or data.geometry is None:
            raise InputError(
                "A start probe of a given size in metres needs wavelength, distance and pixel size; "
                "name them with --key, or leave the start probe to be estimated."
            )
        _check_size(size, data.frame_shape, sampling)
        wave = wave_of(data.frame_shape, sampling, size)
        return defocused(wave, sampling, data.geometry.wavelength, defocus) if defocus else wave

    return start


def _radius_squared(shape: tuple[int, int], sampling: tuple[float, float]) -> Float[np.ndarray, "y x"]:
    y, x = ((np.arange(n) - n // 2) * pixel for n, pixel in zip(shape, sampling, strict=True))
    return y[:, None] ** 2 + x**2


def _check_size(size: float, shape: tuple[int, int], sampling: tuple[float, float]) -> None:
    for n, pixel in zip(shape, sampling, strict=True):
        if not pixel <= size <= n * pixel:
            raise InputError(
                f"A start probe of {size:.4g} m does not fit a window of {n} pixels of {pixel:.4g} m "
                f"({n * pixel:.4g} m); give its size in metres, between one pixel and the window."
            )


def _ever_valid(data: Dataset) -> Bool[np.ndarray, "y x"]:
    return data.mask if data.mask.ndim == 2 else np.any(data.mask, axis=0)
