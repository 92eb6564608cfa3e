"""A sample that scatters all over the detector, simulated by NumPy alone."""

import numpy as np


def diffuser_scan(rows, columns, wide_y, wide_x, photons=1e5, count=60):
    """A Gaussian beam on a strong diffuser, by NumPy alone; standard deviations of its intensity in pixels."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:rows, :columns] - np.array([rows // 2, columns // 2])[:, None, None]
    probe = np.exp(-((y / wide_y) ** 2) / 4 - (x / wide_x) ** 2 / 4)
    probe *= np.sqrt(photons / np.sum(probe**2))
    places = np.floor(rng.uniform(0, 24, (count, 2))).astype(int)
    f2 = np.fft.fftfreq(rows + 24)[:, None] ** 2 + np.fft.fftfreq(columns + 24) ** 2
    rough = np.fft.ifft2(np.fft.fft2(rng.normal(size=f2.shape)) * np.exp(-2 * np.pi**2 * f2)).real
    object = np.exp(1.5j * rough / rough.std())
    waves = [probe * object[i : i + rows, j : j + columns] for i, j in places]
    patterns = rng.poisson(np.abs(np.fft.fftshift(np.fft.fft2(waves, norm="ortho"), axes=(1, 2))) ** 2)
    return patterns, places
