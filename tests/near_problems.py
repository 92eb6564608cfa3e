"""A small near-field problem that many tests share: speckle, frames and pixels that are not square, a cone beam."""

import numpy as np

import ptychograd as pg

FRAME, OBJECT = (36, 30), (72, 60)
GEOMETRY = pg.NearFieldGeometry(1e-10, 0.072, (1.2e-6, 1.3e-6), focus_distance=0.024)
SAMPLING = (0.3e-6, 0.325e-6)  # a quarter of the detector's pixels
DISTANCE = 0.072 / 4  # metres of free space that make the same patterns in a parallel beam


def probe_wave(photons: float = 1e7) -> np.ndarray:
    """Speckle of about three pixels under a wide envelope that is off the middle."""
    rng = np.random.default_rng(8)
    y, x = np.mgrid[: FRAME[0], : FRAME[1]]
    band = np.zeros(FRAME, complex)
    low = [(n - m) // 2 for n, m in zip(FRAME, (13, 11), strict=True)]
    band[low[0] : low[0] + 13, low[1] : low[1] + 11] = np.exp(2j * np.pi * rng.uniform(size=(13, 11)))
    wave = np.fft.fft2(np.fft.ifftshift(band)) * np.exp(-((y - 17.2) ** 2) / 300 - (x - 15.4) ** 2 / 220)
    return wave * np.sqrt(photons / np.sum(np.abs(wave) ** 2))


def inside() -> np.ndarray:
    """The support: a margin of 16 pixels is bright, so the object is about as large as a window."""
    support = np.zeros(OBJECT, bool)
    support[16:-16, 16:-16] = True
    return support


def object_wave() -> np.ndarray:
    """Smooth amplitude and phase, different along y and x; 1 outside of the support."""
    y, x = np.mgrid[: OBJECT[0], : OBJECT[1]]
    amplitude = 0.8 + 0.15 * np.sin(y / 3.1) * np.cos(x / 4.3 + 0.5)
    return np.where(inside(), amplitude * np.exp(0.4j * (np.sin(y / 3 + x / 4) + np.cos(x / 2.3))), 1)


def positions() -> np.ndarray:
    """Corners (y, x) of 49 windows from edge to edge, on a raster with some disorder, whole pixels."""
    y, x = (np.linspace(0, box - n, 7) for box, n in zip(OBJECT, FRAME, strict=True))
    grid = np.round(np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2))
    inner = (grid > 0).all(axis=1) & (grid < np.array(OBJECT) - FRAME).all(axis=1)
    return grid + inner[:, None] * np.random.default_rng(3).integers(-2, 3, grid.shape)


def kernel(distance: float = DISTANCE) -> np.ndarray:
    """exp(-iπλz f²), written down once more."""
    f = [np.fft.fftfreq(n, pixel) for n, pixel in zip(FRAME, SAMPLING, strict=True)]
    return np.exp(-1j * np.pi * GEOMETRY.wavelength * distance * (f[0][:, None] ** 2 + f[1] ** 2))


def measurement(photons: float = 1e7, noise: bool = True, **changes) -> pg.Dataset:
    """Patterns computed here in plain NumPy, one by one; positions in metres, the truth beside them."""
    probe, object, corners = probe_wave(photons), object_wave(), positions()
    rng = np.random.default_rng(0)
    patterns = []
    for row, column in corners.astype(int):
        wave = probe * object[row : row + FRAME[0], column : column + FRAME[1]]
        intensity = np.abs(np.fft.ifft2(np.fft.fft2(wave) * kernel())) ** 2
        patterns.append(rng.poisson(intensity).astype(np.uint32) if noise else intensity)
    items = {"geometry": GEOMETRY, "support": inside(), "truth": pg.data.GroundTruth(object, probe[None])}
    return pg.make_dataset(np.array(patterns), corners * SAMPLING, **(items | changes))
