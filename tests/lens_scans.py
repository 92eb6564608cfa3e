"""Scans of a chiral X-ray sample by a lens out of focus, simulated by NumPy alone, for tests of automatic runs."""

import numpy as np
from scipy.ndimage import gaussian_filter

import ptychograd as pg

N, M, WAVELENGTH, DISTANCE, PIXEL = 40, 44, 1e-10, 2.0, 50e-6  # frames of 40 x 44 pixels


def lens_scan(curved=14.0, side=9, step=4.0, photons=3e5, seed=0):
    """Data, the wave, and λz in square metres; `curved` is the phase in radians at the edge of the lens."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:N, :M] - np.array([N // 2, M // 2])[:, None, None]
    dy, dx = WAVELENGTH * DISTANCE / (N * PIXEL), WAVELENGTH * DISTANCE / (M * PIXEL)
    squared = (y / N / dy) ** 2 + (x / M / dx) ** 2
    edge = (9 / N / dy) ** 2
    pupil = (squared < edge) * (squared > edge / 9) * np.exp(-1j * curved * squared / edge)
    wave = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(pupil)))
    wave *= np.sqrt(photons / np.sum(np.abs(wave) ** 2))
    places = np.stack(np.meshgrid(*[np.arange(side) * step] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    corners = np.rint(places + rng.uniform(-1, 1, places.shape)).astype(int)
    corners -= corners.min(axis=0)
    thick = gaussian_filter(rng.normal(size=tuple(corners.max(axis=0) + np.array([N, M]))), 2.0)
    thick = thick / thick.std() * 0.3
    thick[25:60, 30:36] += 0.9
    thick[25:31, 30:50] += 0.9
    sample = np.exp(-(0.2 + 1j) * np.abs(thick))
    waves = [np.fft.fft2(wave * sample[a : a + N, b : b + M], norm="ortho") for a, b in corners]
    seen = [np.abs(np.fft.fftshift(one)) ** 2 for one in waves]
    geometry = pg.Geometry(WAVELENGTH, DISTANCE, (PIXEL, PIXEL))
    data = pg.make_dataset(rng.poisson(seen).astype(np.int32), corners * [dy, dx], geometry=geometry)
    return data, wave, curved / np.pi / edge  # λz, as the wave is exp(-iπλzf²) behind the focus
