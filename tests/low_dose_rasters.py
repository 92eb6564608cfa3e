"""Scans of a weak object with few electrons, whose reconstruction in small batches ends as the raster's lattice.

A small copy, in NumPy alone, of a simulation that was written apart from the package to show this: a defocused round
aperture, discs and smooth noise in the phase, and positions on a raster that is turned against the pixels.
"""

import numpy as np

import ptychograd as pg

FRAME, STEP, TURN = 48, 5.0, np.deg2rad(-36.0)


def probe(frame=FRAME):
    """A round aperture out of focus (y, x), of power 1."""
    k2 = sum(k**2 for k in np.meshgrid(*(np.fft.fftfreq(frame),) * 2, indexing="ij"))
    aperture = np.clip((0.23 - np.sqrt(k2)) * frame + 0.5, 0, 1) * np.exp(1j * 8.0 * k2 / 0.23**2)
    wave = np.fft.fftshift(np.fft.ifft2(aperture))
    return wave / np.sqrt(np.sum(np.abs(wave) ** 2))


def positions(rows, off=0.0, seed=0):
    """A turned raster (index, 2) of so many rows and columns, `off` by that share of a step."""
    numbers = np.stack(np.meshgrid(*(np.arange(rows),) * 2, indexing="ij"), -1).reshape(-1, 2)
    places = numbers @ np.array([[np.cos(TURN), np.sin(TURN)], [-np.sin(TURN), np.cos(TURN)]]) * STEP
    places += np.random.default_rng(seed).uniform(-0.5, 0.5, places.shape) * STEP * off
    return places - places.min(axis=0)


def thickness(shape, seed=0):
    """Smooth noise and discs (y, x)."""
    rng = np.random.default_rng(seed)
    k2 = sum(k**2 for k in np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij"))
    smooth = np.fft.ifft2(np.fft.fft2(rng.normal(size=shape)) * np.exp(-2 * (2 * np.pi) ** 2 * k2)).real
    y, x = np.mgrid[: shape[0], : shape[1]]
    discs = [np.hypot(y - rng.uniform(0, shape[0]), x - rng.uniform(0, shape[1])) < 5 for _ in range(20)]
    return 0.5 * smooth / smooth.std() + 1.5 * np.sum(discs, axis=0)


def measurement(electrons, rows=20, strength=0.12, off=0.0, repeated=(0.0, 1.0), seed=0):
    """Counts of a scan; `repeated` is a depth and a period, in steps, of what repeats in the object's logarithm."""
    places, wave, f = positions(rows, off), probe(), np.fft.fftfreq(FRAME)
    shape = tuple(np.ceil(places.max(axis=0)).astype(int) + FRAME + 2)
    y, x = np.mgrid[: shape[0], : shape[1]]
    along = (y * np.cos(TURN) + x * np.sin(TURN), x * np.cos(TURN) - y * np.sin(TURN))  # the axes of the raster
    depth, period = repeated
    repeats = depth * sum(np.cos(2 * np.pi * a / (STEP * period)) for a in along) / 2
    object = np.exp(1j * strength * thickness(shape, seed) + repeats)
    expected = []
    for place in places:
        corner = np.round(place).astype(int)
        rest = place - corner
        moved = np.fft.ifft2(np.fft.fft2(wave) * np.exp(-2j * np.pi * (f[:, None] * rest[0] + f * rest[1])))
        there = moved * object[corner[0] : corner[0] + FRAME, corner[1] : corner[1] + FRAME]
        expected.append(np.abs(np.fft.fftshift(np.fft.fft2(there, norm="ortho"))) ** 2)
    counts = np.random.default_rng(seed).poisson(np.array(expected) * electrons).astype(np.uint32)
    start = wave * np.sqrt(counts.sum(axis=(1, 2)).max())
    return pg.make_dataset(counts, places, probe=start.astype(np.complex64))
