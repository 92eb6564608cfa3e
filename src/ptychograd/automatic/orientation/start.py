"""Start probes of a trial: one out of focus, and whether one knows on which side of the focus it is."""

import numpy as np
from jaxtyping import Complex

from ptychograd.core.fourier import exact_fft, exact_ifft, frequencies, uncentred
from ptychograd.data.dataset import Dataset
from ptychograd.models.starts import mean_pattern
from ptychograd.physics.model import AbstractModel

ALIKE = 0.999  # correlation of a wave with its twin from which on the two are one


def out_of_focus(data: Dataset, width: float) -> tuple[float, Complex[np.ndarray, "y x"]]:
    """How far behind the focus the beam is `width` windows wide, and its wave there, with the most photons measured.

    By geometry: light that reaches the detector at the frequency f is 2 λ z f wide. f is the radius of a disc whose
    mean square is that of the mean pattern. In metres, before the focus if `width` is negative; NaN if lengths are not
    known, as only λz counts for the wave.
    """
    shape = data.frame_shape
    wavelength = data.geometry.wavelength if data.geometry is not None else 1.0
    sampling = data.geometry.sampling(shape) if data.geometry is not None else (1.0, 1.0)
    fy, fx = (frequencies(n) / pixel for n, pixel in zip(shape, sampling, strict=True))
    squared, mean = fy[:, None] ** 2 + fx**2, uncentred(data.mean_pattern)
    radius = np.sqrt(2 * np.sum(mean * squared) / np.sum(mean))
    window = min(n * pixel for n, pixel in zip(shape, sampling, strict=True))
    distance = float(width * window / (2 * wavelength * radius))
    focus = mean_pattern()(data, None)
    wave = exact_ifft(exact_fft(focus) * np.exp(-1j * np.pi * wavelength * distance * squared))
    wave = wave * np.sqrt(data.photons.max() / np.sum(np.abs(wave) ** 2))
    return float("nan") if data.geometry is None else distance, wave


def is_its_own_twin(model: AbstractModel) -> bool:
    """Whether a model's start probe P(r) is P*(-r): it then can't tell an orientation from its twin."""
    modes = getattr(getattr(model, "probe", None), "modes", None)
    if modes is None:
        return False
    wave = np.asarray(modes)
    turned = wave[:, ::-1, ::-1].conj()
    turned = np.roll(turned, [1 - n % 2 for n in wave.shape[1:]], axis=(1, 2))  # about pixel n // 2
    power = np.sum(np.abs(wave) ** 2)
    return bool(np.sum(np.abs(np.sum(wave * turned.conj(), axis=(1, 2)))) > ALIKE * power > 0)
