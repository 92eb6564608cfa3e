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
    """An experiment: errors and spacing in pixels, photons of a pattern, the rms width of the beam by its defocus."""

    error: float = 6.0
    photons: float = 1e7
    spacing: float = 14.0
    defocus: float = 90.0
    guess: float = 1.0


CASES = (
    Case(),
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


def measured(case: Case, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patterns, and positions as they are and as they were meant to be, in pixels of the model."""
    rng, k = np.random.default_rng(seed), np.arange(COUNT)
    spiral = case.spacing * np.sqrt((k + 0.5) / np.pi)[:, None] * np.stack([np.sin(GOLDEN * k), np.cos(GOLDEN * k)], 1)
    true = np.rint(FINE * (spiral + rng.normal(0, case.error, (COUNT, 2)))).astype(int)
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
    return np.array(patterns), true / FINE, spiral - spiral.min(0)


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


def main(seeds: int) -> None:
    """Print the table."""
    print("| error, px | photons | spacing, px | defocus, px² | guess | given within 3 px | placed | median, px | s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case in CASES:
        runs = [placed(case, seed) for seed in range(100, 100 + seeds)]
        before, after = (np.concatenate([run[part] for run in runs]) for part in (0, 1))
        row = f"| {case.error:g} | {case.photons:.0e} | {case.spacing:g} | {case.defocus:g} | {case.guess:g} "
        shares = " | ".join(f"{np.mean(distance < FAR):.0%}" for distance in (before, after))
        print(f"{row}| {shares} | {np.median(after):.2f} | {np.mean([run[2] for run in runs]):.0f} |", flush=True)


if __name__ == "__main__":
    main(int((sys.argv[1:] or ["3"])[0]))
