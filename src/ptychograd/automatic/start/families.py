"""Families of beams that a search of the start goes through: pupils, openings, speckles."""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Complex, Float

from ptychograd.automatic.start.candidate import Placing, StartCandidate
from ptychograd.core.fourier import centred, exact_fft, exact_ifft, frequencies, uncentred
from ptychograd.core.illumination import of_photons
from ptychograd.data.dataset import Dataset
from ptychograd.data.geometry import format_length
from ptychograd.models.starts import gaussian_wave, round_wave

# Twice the rms width of a beam out of focus, in object pixels: steps of about 30 %, 0 is in focus.
WIDTHS = (0.0, 4.0, 7.0, 10.0, 13.0, 17.0, 22.0, 28.0, 36.0, 45.0, 60.0, 80.0)
FRESNEL = (0.0, 0.15, 0.3, 0.6)  # λz over the squared radius of an opening: how far behind it the sample is
DIAMETERS = (0.85, 1.0, 1.18)  # times the one that patterns tell
SPOTS = (0.7, 1.1)  # times the width that speckles tell


class Optics:
    """What a dataset tells of its beam: mean pattern, pixels, photons."""

    def __init__(self, data: Dataset):
        self.shape = data.frame_shape
        self.mean = np.asarray(data.mean_pattern, float)
        self.wavelength = 1.0 if data.geometry is None else data.geometry.wavelength
        self.sampling = (1.0, 1.0) if data.geometry is None else data.geometry.sampling(data.frame_shape)
        self.has_lengths = data.geometry is not None
        self.photons = float(data.photons.max())
        self.pixel = math.sqrt(math.prod(self.sampling))
        fy, fx = (frequencies(n) / pixel for n, pixel in zip(self.shape, self.sampling, strict=True))
        self.squared = fy[:, None] ** 2 + fx**2
        power = uncentred(self.mean)
        self.radius = math.sqrt(float(np.sum(self.squared * power) / np.sum(power)))  # rms, cycles per metre

    def spread_of(self, width: float) -> float:
        """λz in square metres at which the beam is so many object pixels wide (twice its rms width, by geometry)."""
        return width * self.pixel / (2 * self.radius)

    def width_of(self, spread: float) -> float:
        """Undo `spread_of`."""
        return 2 * self.radius * spread / self.pixel

    def pupil_wave(self, spread: float) -> Complex[np.ndarray, "y x"]:
        """The wave whose far field is the mean pattern, λz = `spread` behind its focus."""
        spectrum = uncentred(np.sqrt(self.mean)) * np.exp(-1j * math.pi * spread * self.squared)
        return of_photons(centred(exact_ifft(spectrum)), self.photons)

    def opening_wave(self, diameter: float, spread: float) -> Complex[np.ndarray, "y x"]:
        """The wave of a round opening, λz = `spread` behind it."""
        spectrum = exact_fft(round_wave(self.shape, self.sampling, diameter))
        return of_photons(exact_ifft(spectrum * np.exp(-1j * math.pi * spread * self.squared)), self.photons)


def pupils(data: Dataset, placings: Iterable[Placing], spreads: Sequence[float]) -> Iterator[StartCandidate]:
    """Beams of a lens or mirrors: the mean pattern's pupil out of focus, for each way in which the scan may lie."""
    optics = Optics(data)
    for spread in spreads:
        wave, width = optics.pupil_wave(spread), optics.width_of(spread)
        defocus = spread / optics.wavelength
        text = f"pupil of the mean pattern, {_away(defocus, width, optics.has_lengths)}"
        fields = {"model.start.defocus": float(f"{defocus:.5g}")} if optics.has_lengths and spread else {}
        for placing in placings:
            yield StartCandidate("pupil", text, wave, placing, fields, width)


def openings(data: Dataset, placings: Iterable[Placing]) -> Iterator[StartCandidate]:
    """Beams of a pinhole as wide as the patterns tell, at several distances from the sample."""
    optics = Optics(data)
    estimated = opening_diameter(data)
    placings = list(placings)
    for diameter in (estimated * part for part in DIAMETERS):
        if (
            not 2 * optics.pixel
            < diameter
            < 0.9 * min(n * p for n, p in zip(optics.shape, optics.sampling, strict=True))
        ):
            continue
        for ratio in FRESNEL:
            spread = ratio * (diameter / 2) ** 2
            wave = optics.opening_wave(diameter, spread)
            text = f"pinhole of {_length(diameter, optics.has_lengths)}"
            text += f", {_length(spread / optics.wavelength, optics.has_lengths)} before the sample" if spread else ""
            fields = {"model.start.pinhole": diameter, "model.start.defocus": spread / optics.wavelength}
            fields = {path: value for path, value in fields.items() if value} if optics.has_lengths else {}
            for placing in placings:
                yield StartCandidate("opening", text, wave, placing, fields)


def speckles(data: Dataset, placings: Iterable[Placing], fwhm: float) -> Iterator[StartCandidate]:
    """Beams through a diffuser: a Gaussian as wide as the speckles tell (see `as_wide_as_speckles`)."""
    optics = Optics(data)
    placings = list(placings)
    for width in (fwhm * part for part in SPOTS):
        wave = of_photons(gaussian_wave(optics.shape, optics.sampling, width), optics.photons)
        fields = {"model.start.focal_spot": width} if optics.has_lengths else {}
        for placing in placings:
            yield StartCandidate("spot", f"spot of {_length(width, optics.has_lengths)}", wave, placing, fields)


def opening_diameter(data: Dataset) -> float:
    """Diameter in metres of the round opening whose autocorrelation that of the mean pattern is nearest to.

    The transform of the mean pattern is the autocorrelation of the wave, whatever the distance from the opening, times
    the mean one of the object, which falls to a constant within some pixels.
    """
    optics = Optics(data)
    found = np.abs(centred(exact_ifft(uncentred(optics.mean))))
    y, x = ((np.arange(n) - n // 2) * p for n, p in zip(optics.shape, optics.sampling, strict=True))
    away = np.hypot(y[:, None], x)
    edge = min(n * p for n, p in zip(optics.shape, optics.sampling, strict=True)) / 2
    bins = np.arange(1, int(edge / optics.pixel)) * optics.pixel
    profile = np.array([found[np.abs(away - r) < optics.pixel / 2].mean() for r in bins])
    best = min((_misfit_of_disc(profile, bins, d), d) for d in np.linspace(6 * optics.pixel, 2 * edge, 80))
    return float(best[1])


def _misfit_of_disc(profile: Float[np.ndarray, " r"], radii: Float[np.ndarray, " r"], diameter: float) -> float:
    """What the autocorrelation of a disc leaves of a profile, at its best brightness, beyond the first pixels."""
    t = np.clip(radii / diameter, 0, 1)
    disc = 2 / math.pi * (np.arccos(t) - t * np.sqrt(1 - t**2))
    part = radii > 3 * radii[0]
    size = np.sum(profile[part] * disc[part]) / max(np.sum(disc[part] ** 2), 1e-30)
    return float(np.sum((profile[part] - size * disc[part]) ** 2) / np.sum(profile[part] ** 2))


def _length(metres: float, is_known: bool) -> str:
    return format_length(metres) if is_known else f"{metres:.1f} pixels"


def _away(defocus: float, width: float, is_known: bool) -> str:
    if not width:
        return "in focus"
    side = "behind" if defocus > 0 else "before"
    return f"{format_length(abs(defocus))} {side} the focus" if is_known else f"{abs(width):.0f} pixels wide, {side} it"
