"""A letter F that shifts the phase by -1 rad, scanned: the one scan that all files of tests/data/foreign hold.

NumPy alone, so that it runs in the environment of each package whose code writes a file. Rows go down, columns to the
right, and the window of pattern n begins at the pixel `corners()[n]` of the object.
"""

import numpy as np

WAVELENGTH, DISTANCE, PIXEL = 1.5498e-10, 2.0, 75e-6
PHOTONS = 3e4
FRAME = (24, 32)
OBJECT = (50, 62)


def object_wave() -> np.ndarray:
    """The letter, upright, off the middle, a bit absorbing."""
    letter = np.zeros(OBJECT)
    letter[14:38, 20:25] = 1
    letter[14:19, 20:38] = 1
    letter[24:29, 20:33] = 1
    return (1 - 0.1 * letter) * np.exp(-1j * letter)


def probe_wave(frame: tuple[int, int] = FRAME) -> np.ndarray:
    """A curved, lopsided Gaussian with so many photons."""
    y, x = np.mgrid[: frame[0], : frame[1]]
    y, x = y - frame[0] / 2 + 0.7, x - frame[1] / 2 - 0.4
    wave = np.exp(-(y**2) / 40 - x**2 / 55) * np.exp(1j * (0.02 * y**2 + 0.03 * x**2 + 0.1 * x))
    return wave * np.sqrt(PHOTONS / np.sum(np.abs(wave) ** 2))


def corners(frame: tuple[int, int] = FRAME) -> np.ndarray:
    """First pixels (index, 2), (y, x), of 30 windows, on a raster with some disorder."""
    rng = np.random.default_rng(11)
    y, x = (np.linspace(1, box - n - 2, count) for box, n, count in zip(OBJECT, frame, (5, 6), strict=True))
    grid = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.clip(np.round(grid) + rng.integers(-1, 2, grid.shape), 0, np.array(OBJECT) - frame).astype(int)


def patterns(frame: tuple[int, int] = FRAME) -> np.ndarray:
    """Counts (index, y, x) with the zero frequency in the middle."""
    rng, probe, sample = np.random.default_rng(5), probe_wave(frame), object_wave()
    waves = [probe * sample[r : r + frame[0], c : c + frame[1]] for r, c in corners(frame)]
    spectra = np.fft.fftshift(np.fft.fft2(waves), (-2, -1))
    return rng.poisson(np.abs(spectra) ** 2 / probe.size).astype(np.uint16)


def object_pixel(frame: tuple[int, int] = FRAME) -> np.ndarray:
    """(dy, dx) in metres."""
    return WAVELENGTH * DISTANCE / (np.array(frame) * PIXEL)


def positions(frame: tuple[int, int] = FRAME) -> np.ndarray:
    """(index, 2), (y, x), in metres, of the windows' middles about the middle of the object."""
    middles = corners(frame) + (np.array(frame) - 1) / 2 - (np.array(OBJECT) - 1) / 2
    return middles * object_pixel(frame)


def bad_pixels() -> np.ndarray:
    """Two pixels of the detector that are bad."""
    bad = np.zeros(FRAME, bool)
    bad[3, 5] = bad[20, 30] = True
    return bad
