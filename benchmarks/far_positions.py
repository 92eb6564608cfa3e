"""Where positions that are far off can be placed by holograms: error, photons, spacing, defocus and its guess.

    python benchmarks/far_positions.py [seeds]

Behind a lens with an annular pupil, out of focus, a test object is scanned along a spiral with errors that are new at
every point. Patterns are made here by NumPy, on a grid twice as fine as the model's. The table says which share of the
patterns is placed within 3 pixels once the affine part is taken off, and the median error. Each row changes one number
of the first; none of them was looked at when the constants of `PositionPlacement` were chosen.
"""

import sys
import time
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter

import ptychograd as pg
from ptychograd.refinement.positions.placement.growth import grown
from ptychograd.refinement.positions.placement.holograms import holograms
from ptychograd.refinement.positions.placement.mosaic import Mosaic, Prior

SIZE, FINE, COUNT, GOLDEN, FAR = 96, 2, 150, 2.39996, 3.0
PUPIL = (0.12, 0.33)  # its rings, in cycles per pixel


class Case(NamedTuple):
    """An experiment: errors and spacing in pixels, photons of a pattern, the defocus of the beam and its guess.

    With `is_raster` rows are measured to and fro; a backlash puts every other one aside by 2 errors, and a drift takes
    the scan away by 4 errors in the end, beside errors of a pixel that are new at every point.
    """

    error: float = 6.0
    photons: float = 1e7
    spacing: float = 14.0
    defocus: float = 90.0
    guess: float = 1.0
    is_raster: bool = False


CASES = (
    Case(),
    Case(is_raster=True),
    *(Case(error=error) for error in (3.0, 9.0, 12.0)),
    *(Case(photons=photons) for photons in (1e6, 1e5, 1e4)),
    *(Case(spacing=spacing) for spacing in (10.0, 20.0, 26.0)),
    *(Case(defocus=defocus) for defocus in (0.0, 20.0, 45.0, 130.0)),
    *(Case(guess=guess) for guess in (0.5, 0.7, 0.9, 1.1, 1.3, 1.5)),
)


def beam(defocus: float, fine: int) -> np.ndarray:
    """The wave at the object; `defocus` is the curvature of its phase in the pupil, in pixels²."""
    f = np.fft.fftfreq(SIZE * fine) * fine
    rho = np.hypot(f[:, None], f)
    pupil = 1 / (1 + np.exp((rho - PUPIL[1]) / 0.006)) / (1 + np.exp((PUPIL[0] - rho) / 0.006))
    wave = np.fft.fftshift(np.fft.ifft2(pupil * np.exp(1j * np.pi * defocus * rho**2)))
    return wave / np.sqrt(np.sum(np.abs(wave) ** 2))


def spiral(case: Case, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Positions as they were meant to be, and their errors, new at every point."""
    k = np.arange(COUNT)
    radius = case.spacing * np.sqrt((k + 0.5) / np.pi)
    wanted = radius[:, None] * np.stack([np.sin(GOLDEN * k), np.cos(GOLDEN * k)], 1)
    return wanted, rng.normal(0, case.error, (COUNT, 2))


def raster(case: Case, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The same of rows to and fro, with backlash and drift."""
    row, column = np.divmod(np.arange(COUNT), 12)
    column = np.where(row % 2, 11 - column, column)
    drift = np.linspace(0, 1, COUNT)[:, None] ** 2 * 4 * case.error * np.array([0.8, -0.6])
    backlash = (row % 2)[:, None] * 2 * case.error * np.array([0.0, 1.0])
    return case.spacing * np.stack([row, column], 1), drift + backlash + rng.normal(0, 1, (COUNT, 2))


def measured(case: Case, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patterns, and positions as they are and as they were meant to be, in pixels of the model."""
    rng = np.random.default_rng(seed)
    wanted, moved = (raster if case.is_raster else spiral)(case, rng)
    true = np.rint(FINE * (wanted + moved)).astype(int)
    true -= true.min(0)
    scale = rng.uniform(1.5, 5, 2) * FINE
    blobs = [gaussian_filter(rng.standard_normal(true.max(0) + FINE * SIZE), width) > 0 for width in scale]
    image = np.exp((-0.1 - 0.9j) * np.mean(blobs, axis=0))
    wave, patterns = np.sqrt(case.photons) * beam(case.defocus, FINE), []
    kept = slice(FINE * SIZE // 2 - SIZE // 2, FINE * SIZE // 2 + SIZE // 2)
    for y, x in true:
        exit_wave = wave * image[y : y + FINE * SIZE, x : x + FINE * SIZE]
        far = np.fft.fftshift(np.fft.fft2(exit_wave, norm="ortho"))[kept, kept]
        patterns.append(rng.poisson(np.abs(far) ** 2).astype(np.int32))
    return np.array(patterns), true / FINE, wanted - wanted.min(0)


def errors(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Distances from the truth without the affine part, in pixels, robustly: what is far off does not turn the map."""
    terms, moved, weight = np.c_[true, np.ones(len(true))], found - true, np.ones(len(true))
    for _ in range(20):
        fitted = np.linalg.lstsq(terms * weight[:, None], moved * weight[:, None], rcond=None)[0]
        distance = np.hypot(*(moved - terms @ fitted).T)
        weight = 1 / (1 + (distance / (2 * np.median(distance) + 1e-9)) ** 2)
    return distance


def placed(case: Case, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Errors before and after, and the seconds that it took."""
    patterns, true, nominal = measured(case, seed)
    guess = (beam(case.guess * case.defocus, 1) * np.sqrt(case.photons)).astype(np.complex64)
    data = pg.make_dataset(patterns, nominal)
    model = pg.far_field(data, probe=lambda *_: guess)
    begin = time.perf_counter()
    pieces = holograms(data, np.arange(COUNT), model.probe.modes[0], model.propagator)
    within = int(np.ceil(4.5 * case.error))
    laid = grown(Mosaic(pieces, nominal, Prior.of(case.error, within)), 0, nominal, case.error)
    return errors(nominal, true), errors(laid.corner, true), time.perf_counter() - begin


COLUMNS = (
    "scan",
    "error, px",
    "photons",
    "spacing, px",
    "defocus, px²",
    "guess",
    "within 3 px",
    "placed",
    "median",
    "s",
)


def row_of(case: Case, seeds: int) -> tuple[str, ...]:
    """What is asked for, the shares within 3 pixels before and after, the median error after, and the seconds."""
    runs = [placed(case, seed) for seed in range(100, 100 + seeds)]
    before, after = (np.concatenate([run[part] for run in runs]) for part in (0, 1))
    asked = "raster" if case.is_raster else "spiral", case.error, f"{case.photons:.0e}", case.spacing, case.defocus
    shares = [f"{np.mean(distance < FAR):.0%}" for distance in (before, after)]
    seconds = np.mean([run[2] for run in runs])
    return (*map(str, (*asked, case.guess)), *shares, f"{np.median(after):.2f}", f"{seconds:.0f}")


def main(seeds: int) -> None:
    """Print the table."""
    for row in (COLUMNS, ["---"] * len(COLUMNS)):
        print(f"| {' | '.join(row)} |")
    for case in CASES:
        print(f"| {' | '.join(row_of(case, seeds))} |", flush=True)


if __name__ == "__main__":
    main(int((sys.argv[1:] or ["3"])[0]))
