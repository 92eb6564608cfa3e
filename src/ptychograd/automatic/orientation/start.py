"""Start probes of a trial: out of focus, as wide as the speckles tell, and whether one knows its side of the focus."""

import math

import numpy as np
from jaxtyping import Complex

from ptychograd.core.fourier import centred, exact_fft, exact_ifft, frequencies, uncentred
from ptychograd.core.illumination import of_photons
from ptychograd.data.dataset import Dataset
from ptychograd.models.starts import gaussian_wave, mean_pattern
from ptychograd.physics.model import AbstractModel

ALIKE = 0.999  # correlation of a wave with its twin from which on the two are one
GRAIN = 3.0  # object pixels over which an object may be alike: what is that near in a correlation is not of the beam


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


def as_wide_as_speckles(data: Dataset) -> tuple[float, Complex[np.ndarray, "y x"]]:
    """How wide the beam is at a sample that scatters into speckles, and a Gaussian so wide, with the photons measured.

    The Fourier transform of a pattern is the autocorrelation of the wave behind the sample. Its mean square over the
    patterns is, for an object without correlation, the autocorrelation of the beam's intensity (Goodman, Speckle
    Phenomena in Optics, section 4.4), whose variance is twice that of the intensity; photon noise adds its photons
    everywhere. The width is the full one at half of the intensity, in metres; NaN if lengths are not known.
    """
    shape = data.frame_shape
    square, photons = np.zeros(shape), 0.0
    for index in range(data.count):
        patterns, mask = data.frames(np.array([index]))
        counts = np.where(mask, patterns, 0)[0].astype(float)
        square += np.abs(exact_fft(counts)) ** 2
        photons += counts.mean()
    correlation = centred(np.maximum(square - photons, 0))
    y, x = (np.arange(n) - n // 2 for n in shape)
    away = np.hypot(y[:, None], x)
    correlation[away <= GRAIN] = correlation[(away > GRAIN) & (away <= 1.5 * GRAIN)].mean()
    total = correlation.sum()
    pixels = [np.sqrt(np.sum(correlation * r**2) / total / 2) if total > 0 else 1.0 for r in (y[:, None], x)]
    sampling = data.geometry.sampling(shape) if data.geometry is not None else (1.0, 1.0)
    fwhm = 2 * math.sqrt(2 * math.log(2)) * math.sqrt(math.prod(pixels) * math.prod(sampling))
    wave = of_photons(gaussian_wave(shape, sampling, fwhm), float(data.photons.max()))
    return float("nan") if data.geometry is None else fwhm, wave


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
