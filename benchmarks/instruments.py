"""Eleven instruments, simulated with NumPy alone and sharing no code with the package: what `benchmarks/auto.py` tries.

Object and probe live on pixels half as wide as those that the reconstruction will have, so that positions lie between
its pixels and light leaves the detector at its edge. What an instrument writes holds patterns, positions, wavelength,
distance and pixel size only. An object has letters, discs and a texture in it, so that no flip of it looks like itself.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter

FINER = 2  # pixels of the simulation along a pixel of the object
KEV = 1.239841984e-9  # metres of wavelength times keV


class Scan(NamedTuple):
    """What an instrument measured, and the truth behind it.

    Args:
        patterns: photons (index, y, x).
        positions: (index, (y, x)) in metres, as the file states them.
        wavelength, distance, pixel_size: in metres.
        object: transmission on the fine pixels.
        probe: wave on the pixels of the reconstruction, in sqrt(photons).
        places: true corner (index, (y, x)) of each window on the fine pixels.
        best: fields of a plan with which the true start gets farthest.
    """

    patterns: np.ndarray
    positions: np.ndarray
    wavelength: float
    distance: float
    pixel_size: float
    object: np.ndarray
    probe: np.ndarray
    places: np.ndarray
    best: dict


class Beam(NamedTuple):
    """Where a scan is made: detector pixels along a side, lengths in metres, and photons of a pattern."""

    n: int
    wavelength: float
    distance: float
    pixel_size: float
    photons: float

    @property
    def pixel(self) -> float:
        """Of the reconstruction's object, in metres."""
        return self.wavelength * self.distance / (self.n * self.pixel_size)


def grid(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y, x and the radius of pixels about the middle one."""
    y, x = np.mgrid[:n, :n] - n // 2
    return y, x, np.hypot(y, x)


def focused(pupil: np.ndarray) -> np.ndarray:
    """The wave whose far field is the pupil, its middle in the middle."""
    return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(pupil), norm="ortho"))


def far(wave: np.ndarray) -> np.ndarray:
    """The far field of a wave, its middle in the middle."""
    return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(wave), norm="ortho"))


def structure(side: int, rng: np.random.Generator, grain: float) -> np.ndarray:
    """A thickness between 0 and about 1: a letter F, discs, a bar and a texture."""
    y, x = np.mgrid[:side, :side] / side
    thick = np.zeros((side, side))
    thick[(y > 0.25) & (y < 0.75) & (x > 0.28) & (x < 0.35)] = 0.8
    thick[(y > 0.25) & (y < 0.32) & (x > 0.28) & (x < 0.6)] = 0.8
    thick[(y > 0.45) & (y < 0.52) & (x > 0.28) & (x < 0.52)] = 0.8
    for _ in range(25):
        centre, radius = rng.uniform(0.1, 0.9, 2), rng.uniform(0.01, 0.05)
        thick += 0.4 * (np.hypot(y - centre[0], x - centre[1]) < radius)
    texture = gaussian_filter(rng.normal(size=thick.shape), grain)
    return gaussian_filter(np.minimum(thick, 1.2), grain / 2) + 0.15 * texture / texture.std()


def spiral(count: int, step: float, rng: np.random.Generator) -> np.ndarray:
    """A Fermat spiral (index, (y, x)) with so many pixels from one position to the next."""
    k = np.arange(count) + 0.5
    radius, angle = step * np.sqrt(k / np.pi), k * 2.399963 + rng.uniform(0, 6)
    return radius[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)


def raster(rows: int, step: float, rng: np.random.Generator) -> np.ndarray:
    """A square raster about the middle, jittered by a tenth of its step."""
    places = np.stack(np.meshgrid(*[np.arange(rows) - (rows - 1) / 2] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    return step * (places + rng.uniform(-0.1, 0.1, places.shape))


def on_object(positions: np.ndarray, n: int) -> tuple[np.ndarray, int]:
    """Corners of fine windows for positions in pixels of the reconstruction, and the side of the fine object."""
    fine = np.rint(FINER * positions).astype(int)
    margin = FINER * 6
    return fine - fine.min(axis=0) + margin, int(np.ptp(fine, axis=0).max() + FINER * n + 2 * margin)


def expected(wave: np.ndarray, thing: np.ndarray, place: np.ndarray, n: int) -> np.ndarray:
    """Photons on the detector: the middle of the fine window's far field."""
    side, low = FINER * n, FINER * n // 2 - n // 2
    y, x = place
    return np.abs(far(wave * thing[y : y + side, x : x + side]))[low : low + n, low : low + n] ** 2


def measured(
    beam: Beam,
    wave: np.ndarray,
    positions: np.ndarray,
    thing_of: Callable[[int], np.ndarray],
    rng: np.random.Generator,
    shaken: float = 0.0,
) -> Scan:
    """A scan of a fine wave over an object at true positions, in pixels of the reconstruction."""
    places, side = on_object(positions, beam.n)
    thing = thing_of(side)
    wave = wave * np.sqrt(beam.photons / np.sum(np.abs(wave) ** 2))
    shakes = np.rint(FINER * shaken * rng.normal(size=(7, 2))).astype(int) if shaken else np.zeros((1, 2), int)
    light = [np.mean([expected(wave, thing, place + s, beam.n) for s in shakes], axis=0) for place in places]
    low = FINER * beam.n // 2 - beam.n // 2
    probe = focused(far(wave)[low : low + beam.n, low : low + beam.n])
    lengths = (beam.wavelength, beam.distance, beam.pixel_size)
    return Scan(np.array(light), positions * beam.pixel, *lengths, thing, probe, places, {})


def counted(scan: Scan, rng: np.random.Generator) -> Scan:
    """The scan with photons that are counted."""
    return scan._replace(patterns=rng.poisson(scan.patterns).astype(np.int32))


def x_rays(strength: float, absorbed: float, grain: float, rng: np.random.Generator) -> Callable[[int], np.ndarray]:
    """Matter for X-rays: darker, and of negative phase."""
    return lambda side: np.exp(-(absorbed + 1j * strength) * structure(side, rng, grain))


def lens(n: int, radius: float, stop: float, curved: float) -> np.ndarray:
    """A round pupil with a central stop, out of focus: `curved` radians at its edge, on the fine grid."""
    _, _, r = grid(FINER * n)
    edge = 0.5 * (1 - np.tanh((r - radius) / 0.7)) * (r >= stop)
    return focused(edge * np.exp(1j * curved * (r / radius) ** 2))


def zone_plate_soft(rng: np.random.Generator) -> Scan:
    beam = Beam(96, KEV / 0.8, 0.06, 80e-6, 2e6)
    wave = lens(beam.n, 17, 6, -rng.uniform(14, 24))
    return counted(measured(beam, wave, spiral(260, 5.0, rng), x_rays(0.9, 0.35, 3, rng), rng), rng)


def zone_plate_hard(rng: np.random.Generator) -> Scan:
    beam = Beam(128, KEV / 8.0, 3.0, 75e-6, 1e6)
    wave = lens(beam.n, 21, 7, rng.uniform(14, 26))
    return counted(measured(beam, wave, spiral(250, 6.5, rng), x_rays(0.7, 0.04, 3, rng), rng), rng)


def mirrors(rng: np.random.Generator) -> Scan:
    """A pair of mirrors: a rectangular pupil with errors of figure, near its focus."""
    beam = Beam(128, KEV / 12.0, 4.0, 75e-6, 2e6)
    y, x, _ = grid(FINER * beam.n)
    height, width = 13.0, 22.0
    pupil = (np.abs(y) < height) & (np.abs(x) < width)
    figure = 0.6 * np.sin(2.6 * y / height + 1) + 0.5 * np.cos(3.4 * x / width) + 0.3 * (x / width) ** 3
    curved = rng.choice([-1, 1]) * rng.uniform(5, 9)
    wave = focused(pupil * np.exp(1j * (figure + curved * ((y / height) ** 2 * 0.4 + (x / width) ** 2))))
    return counted(measured(beam, wave, raster(16, 3.6, rng), x_rays(0.8, 0.05, 3, rng), rng), rng)


def pinhole(rng: np.random.Generator) -> Scan:
    """A pinhole some way before the sample."""
    beam = Beam(128, KEV / 6.2, 5.0, 55e-6, 3e6)
    side, pixel = FINER * beam.n, beam.pixel / FINER
    _, _, r = grid(side)
    opening = 0.5 * (1 - np.tanh((r - FINER * 17.5) / 1.0))
    f = np.fft.fftfreq(side, pixel)
    away = rng.uniform(0.35, 1.0) * (17.5 * beam.pixel) ** 2 / beam.wavelength / 3
    wave = np.fft.ifft2(np.fft.fft2(opening) * np.exp(-1j * np.pi * beam.wavelength * away * (f[:, None] ** 2 + f**2)))
    return counted(measured(beam, wave, spiral(220, 7.0, rng), x_rays(1.0, 0.1, 3, rng), rng), rng)


def diffuser(rng: np.random.Generator) -> Scan:
    """Laser light through a diffuser and an opening, and a camera: speckles all over the middle of the detector."""
    beam = Beam(128, 532e-9, 0.08, 13.8e-6, 4e6)
    side = FINER * beam.n
    _, _, r = grid(side)
    rough = gaussian_filter(rng.normal(size=(side, side)), FINER * 2.0)
    wave = 0.5 * (1 - np.tanh((r - FINER * 22) / 2.0)) * np.exp(2.2j * rough / rough.std())
    return counted(measured(beam, wave, spiral(240, 7.0, rng), x_rays(-1.0, 0.2, 3, rng), rng), rng)


def electrons(n: int, photons: float, angle: float, radius: float) -> Beam:
    """A beam of 80 keV electrons with the half angle of convergence in radians over so many detector pixels."""
    return Beam(n, 4.1757e-12, 1.0, angle / radius, photons)


def crystal(rng: np.random.Generator) -> Scan:
    """4D-STEM of a crystal with a boundary: columns of atoms, the phase positive; the scan turned by some angle."""
    beam = electrons(96, 3e5, 21e-3, 17.0)
    wave = lens(beam.n, 17, 0, rng.choice([-1, 1]) * rng.uniform(9, 14))

    def atoms(side: int) -> np.ndarray:
        y, x = np.mgrid[:side, :side]
        fields = []
        for turn in rng.uniform(0, np.pi / 3, 2):
            waves = [
                np.cos((y * np.sin(turn + a) + x * np.cos(turn + a)) * 2 * np.pi / 11) for a in (0, 1.0472, 2.0944)
            ]
            fields.append(np.maximum(np.sum(waves, axis=0), 0) ** 2 / 9)
        mixed = gaussian_filter(((y + 0.6 * x + 0.1 * side * np.sin(6 * x / side)) > 0.8 * side) * 1.0, 4)
        return np.exp(1j * 0.9 * ((1 - mixed) * fields[0] + mixed * fields[1]) + 0.4j * structure(side, rng, 4))

    scan = counted(measured(beam, wave, raster(17, 3.2, rng), atoms, rng), rng)
    angle = float(rng.uniform(-0.6, 0.6))
    c, s = np.cos(angle), np.sin(angle)
    told = scan.positions @ np.array([[c, -s], [s, c]])
    return scan._replace(positions=told, best={"data.prepare.rotate_scan": -angle})


def weak(rng: np.random.Generator) -> Scan:
    """4D-STEM of a weak specimen with few electrons, far out of focus."""
    beam = electrons(64, 8e3, 4e-3, 13.0)
    wave = lens(beam.n, 13, 0, rng.choice([-1, 1]) * rng.uniform(11, 15))
    scan = measured(beam, wave, raster(20, 2.8, rng), lambda side: np.exp(0.5j * structure(side, rng, 4)), rng)
    return counted(scan, rng)._replace(best={"model.object.phase_only": True})


def drifting(rng: np.random.Generator) -> Scan:
    """A zone plate, and a stage that drifts and jitters: the file states where it was told to go."""
    beam = Beam(96, KEV / 8.0, 2.4, 80e-6, 1e6)
    told = raster(16, 4.4, rng)
    drift = np.cumsum(rng.normal(0, 0.25, told.shape), axis=0)
    wave = lens(beam.n, 17, 6, rng.uniform(11, 16))
    scan = measured(beam, wave, told + drift - drift.mean(axis=0), x_rays(0.8, 0.05, 3, rng), rng)
    return counted(scan, rng)._replace(positions=told * beam.pixel, best={"fit.refine": ("scan.offset",)})


def flipped(rng: np.random.Generator) -> Scan:
    """A zone plate, and a detector that was mounted with its axes exchanged and one negated."""
    beam = Beam(96, KEV / 9.0, 2.4, 80e-6, 1e6)
    wave = lens(beam.n, 18, 6, rng.uniform(13, 20))
    scan = counted(measured(beam, wave, spiral(260, 5.0, rng), x_rays(0.8, 0.05, 3, rng), rng), rng)
    code = int(rng.choice([1, 2, 4, 7]))
    turned = scan.positions[:, ::-1] if code & 4 else scan.positions
    turned = turned * np.where([bool(code & 2), bool(code & 1)], -1, 1)
    return scan._replace(positions=turned, best={"data.orientation": {5: 6, 6: 5}.get(code, code)})


def vibrating(rng: np.random.Generator) -> Scan:
    """A zone plate that vibrates, and a detector whose pixels share their light."""
    beam = Beam(96, KEV / 8.0, 2.4, 80e-6, 2e6)
    wave = lens(beam.n, 17, 6, rng.uniform(12, 17))
    scan = measured(beam, wave, spiral(260, 5.0, rng), x_rays(0.8, 0.05, 3, rng), rng, shaken=1.3)
    blurred = np.array([gaussian_filter(pattern, 0.6) for pattern in scan.patterns])
    return counted(scan._replace(patterns=blurred), rng)._replace(best={"model.probe.modes": 4})


def off_centre(rng: np.random.Generator) -> Scan:
    """A zone plate whose beam is not in the middle of the detector, which has hot pixels and a dead one."""
    beam = Beam(96, KEV / 8.0, 2.4, 80e-6, 1e6)
    wave = lens(beam.n, 17, 6, rng.uniform(13, 20))
    scan = counted(measured(beam, wave, spiral(260, 5.0, rng), x_rays(0.8, 0.05, 3, rng), rng), rng)
    away = rng.integers(5, 9, 2) * rng.choice([-1, 1], 2)
    patterns = np.roll(scan.patterns, away, axis=(1, 2))
    for y, x in rng.integers(0, beam.n, (6, 2)):
        patterns[:, y, x] = rng.poisson(3e4, len(patterns)) + 65000
    y, x = np.array([beam.n // 2, beam.n // 2]) + away + 8
    patterns[:, y, x] = 0
    return scan._replace(patterns=patterns, best={"centre": tuple(int(step) for step in away)})


INSTRUMENTS = {
    "zone plate, soft": zone_plate_soft,
    "zone plate, hard": zone_plate_hard,
    "mirrors": mirrors,
    "pinhole": pinhole,
    "diffuser": diffuser,
    "crystal": crystal,
    "weak": weak,
    "drifting": drifting,
    "flipped": flipped,
    "vibrating": vibrating,
    "off centre": off_centre,
}


def simulate(name: str, seed: int) -> Scan:
    """The scan of an instrument, for a seed."""
    return INSTRUMENTS[name](np.random.default_rng([seed, sorted(INSTRUMENTS).index(name)]))
