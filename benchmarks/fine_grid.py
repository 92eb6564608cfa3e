"""Scans simulated on a grid twice as fine as that of the reconstruction, in NumPy alone, and how an image is judged.

Nothing of the package's forward model is used: waves are cut, moved and propagated here. A detector pixel sees the far
field of a wave that is sampled at half of an object pixel, so that nothing folds back into the frame. Lengths are in
pixels of the reconstruction, frequencies in cycles a pixel.
"""

import numpy as np
from scipy.fft import fft2, fftshift, ifft2
from scipy.ndimage import gaussian_filter, map_coordinates

from benchmarks.raster_grid import beam, discs, smooth

FINER = 2
BLUR = 1.5  # pixels by which images are smoothed, where few photons make them noisy


def wave(n: int, kind: str, size: float, curve: float, finer: int = FINER) -> np.ndarray:
    """A beam of power 1 on (finer n, finer n) pixels; `size` is the pupil's radius, `curve` its phase at the rim."""
    return beam(finer * n, kind, size / finer, curve, np.random.default_rng(0))


def raster(side: int, turn: float) -> np.ndarray:
    i = np.stack(np.meshgrid(*(np.arange(side) - (side - 1) / 2,) * 2, indexing="ij"), -1).reshape(-1, 2)
    t = np.deg2rad(turn)
    return i @ np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]])


def scan(kind: str, side: int, step: float, turn: float, rng: np.random.Generator) -> np.ndarray:
    """Positions (index, 2) of a "raster", a "jittered" one, or a "spiral" of the same area, from 0."""
    places = raster(side, turn)
    if kind == "jittered":
        places = places + rng.uniform(-0.3, 0.3, places.shape)
    if kind == "spiral":
        number = np.arange(side**2)
        angle = number * 2.39996323 + np.deg2rad(turn)
        places = (0.565 * np.sqrt(number + 0.5))[:, None] * np.stack([np.sin(angle), np.cos(angle)], -1)
    return step * (places - places.min(axis=0))


def fitted(places: np.ndarray, extent: float) -> np.ndarray:
    """Positions stretched to an extent, so that runs on equal shapes share what is compiled."""
    return places * extent / places.max(axis=0)


def potential(rng: np.random.Generator, shape: tuple[int, int], width: float, radius: float, strength: float):
    """A cloudy specimen with discs, radians, on the fine grid of a frame of `shape`."""
    fine = (FINER * shape[0], FINER * shape[1])
    count = max(8, shape[0] * shape[1] // 700)
    return strength * (0.5 * smooth(rng, fine, FINER * width) + 1.5 * discs(rng, fine, FINER * radius, count))


def truth(v: np.ndarray, absorb: float, scale: float = 1.0) -> np.ndarray:
    """The transmission of a potential on the grid of the reconstruction, whose pixels are `scale` times too small."""
    size = tuple(int(n / FINER * scale) for n in v.shape)
    y, x = (FINER * np.arange(n) / scale for n in size)
    v = map_coordinates(gaussian_filter(v, FINER / 4), np.meshgrid(y, x, indexing="ij"), order=1, mode="nearest")
    return np.exp((1j - absorb) * v)


def moved(one: np.ndarray, by: np.ndarray) -> np.ndarray:
    """A wave moved by parts of a pixel of its own grid."""
    f, g = (np.fft.fftfreq(n) for n in one.shape)
    return ifft2(fft2(one) * np.exp(-2j * np.pi * (f[:, None] * by[0] + g * by[1])))


def onwards(one: np.ndarray, bend: float) -> np.ndarray:
    """A wave on the fine grid, propagated by `bend` = pi wavelength distance / pixel²."""
    f, g = (FINER * np.fft.fftfreq(n) for n in one.shape)
    return ifft2(fft2(one) * np.exp(-1j * bend * (f[:, None] ** 2 + g**2)))


def exit_waves(slices: np.ndarray, probe: np.ndarray, places: np.ndarray, between: float = 0.0):
    """The wave behind the object at each position on the fine grid, and by what part of a pixel the beam is off it."""
    m, (height, width) = probe.shape[0], slices.shape[1:]
    for place in FINER * places:
        y, x = np.clip(np.round(place).astype(int), 0, (height - m, width - m))
        psi = moved(probe, place - (y, x))
        for number, one in enumerate(slices):
            psi = (onwards(psi, between) if number else psi) * one[y : y + m, x : x + m]
        yield psi, place - (y, x)


def far_fields(slices, probes, places, between: float = 0.0, source=((0.0, 0.0),)) -> np.ndarray:
    """Expected patterns (index, n, n) of incoherent probes, from points of an incoherent `source`, pixels apart."""
    n, found = probes[0].shape[0] // FINER, 0.0
    cut = np.s_[(FINER - 1) * n // 2 : (FINER + 1) * n // 2]
    for probe in probes:
        for point in source:
            waves = exit_waves(slices, probe, places + np.array(point), between)
            found = found + np.array(
                [np.abs(fftshift(fft2(psi, norm="ortho"))[cut, cut]) ** 2 for psi, _ in waves]
            ) / len(source)  # fmt: skip
    return found


def ramp_free(found: np.ndarray, truth: np.ndarray, where: np.ndarray) -> np.ndarray:
    """What was found, with the phase ramp and the constant taken out by which it differs from the truth there."""
    y, x = np.mgrid[: found.shape[0], : found.shape[1]]
    spectrum = np.abs(fft2(found * truth.conj() * where, (256, 256)))
    k = (np.array(np.unravel_index(spectrum.argmax(), spectrum.shape)) + 128) % 256 - 128
    found = found * np.exp(-2j * np.pi * (k[0] * y + k[1] * x) / 256)
    found = found * np.exp(-1j * np.angle(np.vdot(truth * where, found)))
    phase, weight = np.angle(found * truth.conj())[where], np.abs(found * truth)[where]
    terms = np.stack([np.ones(y.shape), y, x], axis=-1)
    plane = np.linalg.lstsq(terms[where] * weight[:, None], phase * weight, rcond=None)[0]
    return found * np.exp(-1j * terms @ plane)


def smoothed(one: np.ndarray, where: np.ndarray) -> np.ndarray:
    """A complex image smoothed by `BLUR` pixels, with nothing of what is elsewhere."""
    real, imag, weight = (gaussian_filter(part * where, BLUR) for part in (one.real, one.imag, np.ones(one.shape)))
    return (real + 1j * imag) / np.maximum(weight, 1e-9)


def alike(found: np.ndarray, truth: np.ndarray, where: np.ndarray, is_smoothed: bool = False) -> float:
    """Correlation of two complex images about their means on some pixels, ramp and constant taken out."""
    found = ramp_free(found, truth, where)
    if is_smoothed:
        found, truth = smoothed(found, where), smoothed(truth, where)
    found, truth = found[where] - found[where].mean(), truth[where] - truth[where].mean()
    return float(np.vdot(found, truth).real / max(np.linalg.norm(found) * np.linalg.norm(truth), 1e-30))


def placed(truth: np.ndarray, shape: tuple[int, ...], at: np.ndarray) -> np.ndarray:
    """The truth in the frame of what was found, where its pixel 0 is `at`."""
    whole = np.ones(shape, complex)
    y, x = (max(0, k) for k in at)
    height, width = (min(a, b - k) for a, b, k in zip(truth.shape, shape, (y, x), strict=True))
    whole[y : y + height, x : x + width] = truth[:height, :width]
    return whole


def lit(shape: tuple[int, ...], corners: np.ndarray, probe: np.ndarray) -> np.ndarray:
    """The pixels that get a fifth of the light of the brightest one, or more."""
    light, (n, m) = np.zeros(shape), probe.shape[-2:]
    intensity = np.sum(np.abs(probe.reshape(-1, n, m)) ** 2, axis=0)
    for y, x in corners:
        light[y : y + n, x : x + m] += intensity
    return light > 0.2 * light.max()


def registered(found, truth, where, reach: int = 4) -> tuple[float, float, tuple[int, int]]:
    """The best correlation over whole-pixel shifts of the truth, where the object is lit: plain, and of both images
    smoothed; and that shift.
    """
    y, x = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    inside = np.s_[y[0] : y[-1] + 1, x[0] : x[-1] + 1]
    found, where = found[inside], where[inside]
    shifts = [(y, x) for y in range(-reach, reach + 1) for x in range(-reach, reach + 1)]
    best, by = max((alike(found, np.roll(truth, one, (0, 1))[inside], where, True), one) for one in shifts)
    return alike(found, np.roll(truth, by, (0, 1))[inside], where), best, by
