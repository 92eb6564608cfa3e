"""Sixty simulated runs with known truth, right and wrong ones of each kind: what the verdict says of each.

    python benchmarks/verdicts.py [--set tune|judge] [--only KIND]

The simulation is NumPy alone and shares no code with the package. "tune" are the seeds by which the limits were chosen,
"judge" others, not tried yet. A run is called good where the object's error in the scanned part,
relative to its contrast, after shift, constant and linear phase ramp are removed, is below 0.45, and failed above 0.7.
"""

import argparse
import time
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter

import ptychograd as pg
from ptychograd._illumination import illumination
from ptychograd._pieces import with_modes
from ptychograd._verdict import judged_run

GOOD, FAILED = 0.45, 0.7  # error of the object
SEEDS = {"tune": (0, 1, 2), "first": (10, 11, 12), "judge": (20, 21, 22)}


class Case(NamedTuple):
    """A simulated scan, what the reconstruction is told of it, and the truth."""

    data: pg.Dataset
    model: pg.Ptychography
    object: np.ndarray
    probe: np.ndarray
    corners: np.ndarray


def beam(n: int, kind: str, photons: float) -> np.ndarray:
    """A probe (n, n): a curved Gaussian, or a zone plate's out of focus."""
    y, x = np.mgrid[:n, :n] - n // 2
    if kind == "gaussian":
        wave = np.exp(-(y**2 + x**2) / (0.15 * n) ** 2) * np.exp(0.02j * (y**2 + 0.7 * x**2))
    else:
        pupil = ((y**2 + x**2) < (0.17 * n) ** 2) & ((y**2 + x**2) > (0.05 * n) ** 2)
        curved = pupil * np.exp(1j * 5.0 * (y**2 + x**2) / (0.17 * n) ** 2)
        wave = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(curved)))
    return wave * np.sqrt(photons / np.sum(np.abs(wave) ** 2))


def sample(shape: tuple[int, int], rng: np.random.Generator, strength: float) -> np.ndarray:
    """A smooth lopsided object with some edges."""
    smooth = gaussian_filter(rng.normal(size=shape), 2.5)
    y, x = np.mgrid[: shape[0], : shape[1]]
    discs = sum(
        (np.hypot(y - a, x - b) < r) * 1.0
        for a, b, r in zip(
            rng.uniform(0, shape[0], 14), rng.uniform(0, shape[1], 14), rng.uniform(3, 8, 14), strict=True
        )
    )
    thickness = strength * (smooth / smooth.std() * 0.35 + 0.5 * np.minimum(discs, 2))
    return np.exp(-0.15 * np.abs(thickness)) * np.exp(1j * thickness)


def scan(rows: int, step: float, rng: np.random.Generator) -> np.ndarray:
    grid = np.stack(np.meshgrid(*(np.arange(rows) * step,) * 2, indexing="ij"), -1).reshape(-1, 2)
    corners = np.round(grid + rng.uniform(-0.3, 0.3, grid.shape) * step)
    return corners - corners.min(axis=0)


def patterns(object: np.ndarray, modes: list[np.ndarray], corners: np.ndarray) -> np.ndarray:
    n, expected = modes[0].shape[0], []
    for y, x in corners.astype(int):
        waves = (np.fft.fftshift(np.fft.fft2(mode * object[y : y + n, x : x + n], norm="ortho")) for mode in modes)
        expected.append(sum(np.abs(wave) ** 2 for wave in waves))
    return np.array(expected)


KINDS = (  # name, and what is different from a good run
    *("good", "good zone plate", "good few photons", "good many photons", "good modes", "good start probe"),
    *("flipped", "transposed", "positions", "far positions", "defocus", "wrong start"),
    *("modes left out", "too few photons", "weak", "rolled", "amplitudes halved", "other scan", "half window", "short"),
)


def case(kind: str, seed: int) -> tuple[Case, int]:
    """The case of a kind, and the epochs of its run."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    n, rows, step = 48, 11, (4.0, 5.0)[seed % 2]
    photons = {"good few photons": 2e3, "good many photons": 3e6, "too few photons": 25.0, "weak": 400.0}.get(
        kind, (2e4, 1e5, 6e5)[seed % 3]
    )
    strength = 0.12 if kind == "weak" else 1.0
    probe = beam(n, "zone" if "zone" in kind or kind in ("defocus", "good start probe") else "gaussian", photons)
    corners = scan(rows, step, rng)
    shape = tuple((corners.max(axis=0) + n).astype(int))
    object = sample(shape, rng, strength)
    modes = [probe]
    if "modes" in kind:
        y, x = np.mgrid[:n, :n] - n // 2
        modes = [0.75 * probe, 0.55 * probe * y / 4, 0.45 * probe * x / 4]
        scale = np.sqrt(photons / sum(np.sum(np.abs(m) ** 2) for m in modes))
        modes = [scale * m for m in modes]
    counts = rng.poisson(patterns(object, modes, corners)).astype(np.uint32)
    told, start, epochs, count = corners.copy(), None, 60, 1
    if kind == "good modes":
        count = 3
    if kind in ("good zone plate", "good start probe"):
        start = probe * (1 + 0.1 * rng.normal(size=probe.shape))
    if kind == "flipped":
        told = told * [-1, 1]
    if kind == "transposed":
        told = told[:, ::-1]
    if kind == "positions":
        told = told + rng.normal(0, 3.0, told.shape)
    if kind == "far positions":
        told = told + rng.normal(0, 8.0, told.shape)
    if kind == "other scan":
        told = rng.permutation(told)
    if kind == "defocus":
        start = np.conj(beam(n, "zone", photons))
    if kind == "wrong start":
        start = rng.normal(size=probe.shape) + 1j * rng.normal(size=probe.shape)
    if kind == "rolled":
        counts = np.roll(counts, 9, axis=1)
    if kind == "amplitudes halved":
        counts = rng.poisson(np.roll(patterns(object, modes, corners), (20, -18), (1, 2)) + 3).astype(np.uint32)
    if kind == "half window":
        counts = counts[:, 12:36, 12:36]
    if kind == "short":
        epochs = 2
    data = pg.make_dataset(counts, told - told.min(axis=0), probe=None if start is None else start.astype(np.complex64))
    model = pg.far_field(data)
    if count > 1:
        model = with_modes(model, count)
    return Case(data, model, object, probe, corners), epochs


def error(found: np.ndarray, truth: np.ndarray, lit: np.ndarray) -> float:
    """Relative error of the contrast where lit, after shift, constant and ramp are removed; of the object or its twin.

    The shift is searched about the peaks of the cross-correlation of the phase's gradients, which know no ramp.
    """
    size = tuple(max(a, b) for a, b in zip(found.shape, truth.shape, strict=True))
    truth, lit = (np.pad(a, [(0, n - k) for n, k in zip(size, a.shape, strict=True)]) for a in (truth, lit))
    y, x = np.ogrid[: size[0], : size[1]]
    best = 2.0
    for turned in (found, np.conj(found[::-1, ::-1])):
        turned = np.pad(turned, [(0, n - k) for n, k in zip(size, turned.shape, strict=True)])
        correlation = np.fft.ifft2(np.fft.fft2(_steps(truth) * lit) * np.conj(np.fft.fft2(_steps(turned)))).real
        shifts = {np.unravel_index(k, size) for k in np.argsort(correlation.ravel())[-12:]} | {(0, 0)}
        for dy, dx in {(a + i, b + j) for a, b in shifts for i in (-1, 0, 1) for j in (-1, 0, 1)}:
            moved = np.roll(turned, (dy, dx), (0, 1))
            spectrum = np.abs(np.fft.fft2(truth * moved.conj() * lit, (256, 256)))
            k = np.unravel_index(spectrum.argmax(), spectrum.shape)
            r = moved * np.exp(2j * np.pi * (k[0] * y + k[1] * x) / 256) * lit
            r = r * np.vdot(r, truth) / max(np.vdot(r, r).real, 1e-30)
            contrast = np.linalg.norm(truth[lit] - truth[lit].mean())
            best = min(best, float(np.linalg.norm((r - truth)[lit]) / contrast))
    return best


def _steps(wave: np.ndarray) -> np.ndarray:
    """Second differences of the phase, which a ramp leaves alone."""
    return sum(np.angle(wave * np.roll(wave, -2, a) * np.conj(np.roll(wave, -1, a)) ** 2 + 1e-12) for a in (0, 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=SEEDS, default="judge")
    parser.add_argument("--only")
    given = parser.parse_args()
    rows = [judged(kind, seed) for kind in KINDS if (given.only or "") in kind for seed in SEEDS[given.set]]
    for truth in ("good", "between", "failed"):
        codes = [code for what, code in rows if what == truth]
        print(truth, len(codes), {code: codes.count(code) for code in sorted(set(codes))})


def judged(kind: str, seed: int) -> tuple[str, str]:
    """What a run of a kind is in truth, and its verdict; both are printed."""
    one, epochs = case(kind, seed)
    run = pg.Run(one.model, one.data, pg.Nesterov(), (pg.Stage(epochs),), min(16, -(-one.data.count // 5)), 0)
    begin = time.perf_counter()
    result = pg.perform(run)
    middle = time.perf_counter()
    found = judged_run(result, one.data)
    share = (time.perf_counter() - middle) / (middle - begin)
    light = illumination(one.object.shape, one.corners.astype(int), one.probe[None])
    wrong = error(result.object, one.object, light > 0.2 * light.max())
    truth = "good" if wrong < GOOD else "failed" if wrong > FAILED else "between"
    causes = ", ".join(cause.code for cause in found.causes[:2])
    print(
        f"| {kind} | {seed} | {wrong:.2f} | {truth} | {found.chi_squared:.3f} | {found.left:.3f} | {found.told:.2f} | "
        f"{found.code} | {causes} | {share:.1%} |",
        flush=True,
    )
    return truth, found.code


if __name__ == "__main__":
    main()
