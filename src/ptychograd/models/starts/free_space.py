"""What becomes of a start probe's wave on its way to the sample: free space at any distance, in metres and NumPy.

A wave that goes along +z carries exp(+ikz), so that a positive distance lies downstream and the wave's curvature is
exp(+iπr²/(λz)) there. Matter, whose refractive index for X-rays is 1 - δ, has a negative phase in this convention.
"""

import warnings

import numpy as np
from jaxtyping import Complex, Float

from ptychograd.core.fourier import exact_fft, exact_ifft, frequencies
from ptychograd.models.starts.windows import Lengths, pair
from ptychograd.physics.propagators import angular_spectrum_rate, fresnel_kernel

LEFT_OUT = 0.1  # share of a start probe's light beyond the window from which on a person hears of it


def defocused(
    wave: Complex[np.ndarray, "y x"], sampling: tuple[float, float], wavelength: float, distance: float
) -> Complex[np.ndarray, "y x"]:
    """The wave after `distance` metres of free space (Eq. 14), where that is sampled; the edges wrap."""
    if distance == 0:
        return wave
    shape = (wave.shape[0], wave.shape[1])
    return exact_ifft(exact_fft(wave) * fresnel_kernel(shape, sampling, wavelength, distance))


def propagated(
    wave: Complex[np.ndarray, "y x"], sampling: Lengths, wavelength: float, distance: float | Lengths
) -> Complex[np.ndarray, "y x"]:
    """The wave after any distance of free space, on the same pixels; what leaves the window is gone.

    Up to 2 n · pixel² / λ by the angular spectrum: exact, of a window of twice the size, without the frequencies that
    leave it (K. Matsushima, T. Shimobaba, Opt. Express 17, 19662 (2009), Eq. 21). Beyond, where that has too few
    frequencies, by Fresnel's integral (J. W. Goodman, Introduction to Fourier Optics, section 4.2), summed pixel by
    pixel along each axis, which is sampled from n · pixel² / λ · 2 on. So no distance is refused.

    Args:
        wave: (y, x).
        sampling: size of a pixel (y, x) in metres.
        wavelength: λ in metres.
        distance: in metres, downstream if positive; or one along y and one along x, as behind an astigmatic lens, which
            are paraxial.

    Returns:
        the wave (y, x); a warning says how much of it fell beyond the window, if that is more than a tenth.
    """
    away = pair(distance)
    if not any(away):
        return wave
    limits = [2 * n * pixel**2 / wavelength for n, pixel in zip(wave.shape, sampling, strict=True)]
    is_far = [abs(z) > limit for z, limit in zip(away, limits, strict=True)]
    if away[0] == away[1] and not all(is_far):
        found = _angular_spectrum(wave, sampling, wavelength, away[0])
    else:
        found = wave
        for axis, z in enumerate(away):
            along = _fresnel_integral if is_far[axis] else _paraxial_spectrum
            matrix = along(wave.shape[axis], sampling[axis], wavelength, z)
            found = matrix @ found if axis == 0 else found @ matrix.T
    tell_what_is_lost(found, float(np.sum(np.abs(wave) ** 2)), sampling)
    return found


def tell_what_is_lost(wave: Complex[np.ndarray, "y x"], power: float, sampling: Lengths) -> None:
    """Warn if the wave has much less than the power that there was, as the beam is larger than the window."""
    lost = 1 - float(np.sum(np.abs(wave) ** 2)) / power
    if lost > LEFT_OUT:
        height, width = (n * pixel for n, pixel in zip(wave.shape, sampling, strict=True))
        warnings.warn(
            f"{lost:.0%} of the start probe's light falls beyond the window of {height:.4g} x {width:.4g} m, which a "
            "model of this size can't hold; check the distance and the size in metres, or oversample the model "
            "(`model.detector.oversampling`).",
            stacklevel=2,
        )


def _angular_spectrum(
    wave: Complex[np.ndarray, "y x"], sampling: Lengths, wavelength: float, distance: float
) -> Complex[np.ndarray, "y x"]:
    shape = (2 * wave.shape[0], 2 * wave.shape[1])
    middle = tuple(slice(n // 2, n // 2 + n) for n in wave.shape)
    large = np.zeros(shape, complex)
    large[middle] = wave
    cycles = [frequencies(n) / pixel for n, pixel in zip(shape, sampling, strict=True)]
    stay = [np.abs(f) <= _highest(f[1], wavelength, distance) for f in cycles]
    travels = cycles[0][:, None] ** 2 + cycles[1] ** 2 < 1 / wavelength**2
    with np.errstate(invalid="ignore"):  # waves that do not travel
        rate = angular_spectrum_rate(shape, sampling, wavelength)
    kernel = np.where(stay[0][:, None] & stay[1] & travels, np.exp(1j * distance * np.where(travels, rate, 0)), 0)
    return exact_ifft(exact_fft(large) * kernel)[middle]


def _highest(spacing: float, wavelength: float, distance: float) -> float:
    """The highest frequency in cycles per metre that stays in a window of 1/`spacing` metres, Eq. 21."""
    return 1 / (wavelength * np.sqrt((2 * spacing * distance) ** 2 + 1))


def _paraxial_spectrum(size: int, pixel: float, wavelength: float, distance: float) -> Complex[np.ndarray, "new old"]:
    """Matrix of paraxial free space along one axis, of a window of twice the size."""
    f = frequencies(2 * size) / pixel
    kernel = np.exp(-1j * np.pi * wavelength * distance * f**2)
    kernel[np.abs(f) > _highest(f[1], wavelength, distance)] = 0
    first = np.arange(size)
    phases = np.exp(2j * np.pi * pixel * np.outer(first, f))
    return (phases * kernel) @ phases.conj().T / (2 * size)


def _fresnel_integral(size: int, pixel: float, wavelength: float, distance: float) -> Complex[np.ndarray, "new old"]:
    """Matrix of Fresnel's integral along one axis, exp(iπ(x - x')²/(λz)) / √(iλz)."""
    apart: Float[np.ndarray, "new old"] = pixel * np.subtract.outer(np.arange(size), np.arange(size))
    turn = np.exp(-0.25j * np.pi * np.sign(distance)) / np.sqrt(wavelength * abs(distance))
    return pixel * turn * np.exp(1j * np.pi * apart**2 / (wavelength * distance))
