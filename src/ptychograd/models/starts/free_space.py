"""What becomes of a start probe's wave on its way to the sample."""

import numpy as np
from jaxtyping import Complex

from ptychograd.core.fourier import exact_fft, exact_ifft, frequencies
from ptychograd.physics.propagators import fresnel_kernel, fresnel_limits, fresnel_rates

LEAVING = 0.01  # share of a wave that may leave the window on its way, and come in again at the other side


def defocused(
    wave: Complex[np.ndarray, "y x"], sampling: tuple[float, float], wavelength: float, distance: float
) -> Complex[np.ndarray, "y x"]:
    """The wave after `distance` metres of free space (Eq. 14)."""
    if distance == 0:
        return wave
    shape = (wave.shape[0], wave.shape[1])
    return exact_ifft(exact_fft(wave) * fresnel_kernel(shape, sampling, wavelength, distance))


def behind_focus(
    focus: Complex[np.ndarray, "y x"], sampling: tuple[float, float], wavelength: float, distance: float
) -> Complex[np.ndarray, "y x"]:
    """As `defocused`, and farther than a sampled kernel goes where hardly any light leaves the window on the way.

    Light at a frequency f goes λzf to the side; that of a zone plate is far from the largest frequencies.
    """
    shape, spectrum = (focus.shape[0], focus.shape[1]), exact_fft(focus)
    limits = fresnel_limits(shape, sampling, wavelength)
    stays = [np.abs(frequencies(n)) * abs(distance) <= limit / 2 for n, limit in zip(shape, limits, strict=True)]
    power = np.abs(spectrum) ** 2
    if not power[~(stays[0][:, None] & stays[1])].sum() <= LEAVING * power.sum():
        return defocused(focus, sampling, wavelength, distance)
    along_y, along_x = (np.exp(1j * distance * rate) for rate in fresnel_rates(shape, sampling, wavelength))
    return exact_ifft(spectrum * along_y[:, None] * along_x)
