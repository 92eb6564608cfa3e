"""A spiral scan of an object without symmetry, for tests that ask which way its axes lie; NumPy alone."""

import numpy as np

import ptychograd as pg

FRAME, COUNT = 32, 64


def irregular_scan(step=3.4, defocus=0.012):
    """A spiral over an object without symmetry, in a probe with a curved wave front; NumPy alone."""
    rng = np.random.default_rng(2)
    angle = np.arange(COUNT) * np.pi * (3 - np.sqrt(5))
    radius = step * np.sqrt(np.arange(COUNT))
    corners = np.round(np.stack([radius * np.sin(angle), 0.8 * radius * np.cos(angle)], axis=1))
    corners -= corners.min(axis=0)
    size = corners.max(axis=0).astype(int) + FRAME
    f = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.fftfreq(size[1]))
    blobs = [np.fft.ifft2(np.fft.fft2(rng.normal(size=size)) * np.exp(-(f**2) / 0.02)).real for _ in range(2)]
    object = (0.8 + 0.1 * blobs[0] / blobs[0].std()).clip(0.2, 1) * np.exp(0.5j * blobs[1] / blobs[1].std())
    y, x = np.mgrid[:FRAME, :FRAME] - FRAME // 2
    probe = np.exp(-(y**2 + 1.3 * x**2) / 60 + 1j * defocus * (y**2 + x**2) * 4)
    probe *= np.sqrt(2e5 / np.sum(np.abs(probe) ** 2))
    patterns = []
    for row, column in corners.astype(int):
        wave = probe * object[row : row + FRAME, column : column + FRAME]
        patterns.append(rng.poisson(np.abs(np.fft.fftshift(np.fft.fft2(wave))) ** 2 / wave.size))
    y, x = np.mgrid[:FRAME, :FRAME] - FRAME // 2 - 0.8
    start = np.exp(-(y**2 + x**2) / 80 + 0.8j * defocus * (y**2 + x**2) * 4)
    return pg.make_dataset(np.array(patterns, np.uint16), corners, probe=start)
