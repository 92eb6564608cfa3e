"""How often the trial of `ptychograd diagnose` is sure of a scan's orientation, and how often it is wrong.

    python benchmarks/orientation.py [--scans 100] [--first 0] [--object KIND] [--json FILE]

Scans are simulated with NumPy alone, all different: objects, beams (in focus, out of focus, of a zone plate, of a bad
lens, behind an opening), grids and spirals, 1e3 to 1e6 photons a pattern, 32 and 48 pixels, each of the eight
orientations in turn. No start probe is given: it is estimated from the mean pattern. The verdict is right if the
orientation that undoes the true one is among those named; a pair that no far field tells apart counts as sure. A
scan takes some seconds on two cores.
"""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

import ptychograd as pg
from ptychograd.data.orientation import inverse

PLACES = {32: (64, 81, 100), 48: (81, 100, 144)}  # sizes are few, so that programs are compiled once
BEAMS = ("focus", "defocused", "zone plate", "aberrated", "flat top")
OBJECTS = ("smooth", "letters", "weak", "cells", "diffuser")


class Scan(NamedTuple):
    """A simulated scan whose positions are turned by `code`, and what it is."""

    data: pg.Dataset
    code: int
    beam: str
    object: str
    photons: float
    overlap: float


def scan(seed: int, kind: str | None = None) -> Scan:
    """The scan of this number, with an object of its turn or of this kind."""
    rng = np.random.default_rng([seed, 20])
    size = int(rng.choice(list(PLACES)))
    beam, object = BEAMS[seed % len(BEAMS)], kind or OBJECTS[seed // len(BEAMS) % len(OBJECTS)]
    probe, width = BEAM[beam](rng, size)
    photons, overlap = 10 ** rng.uniform(3, 6), rng.uniform(0.5, 0.75)
    count = int(rng.choice(PLACES[size]))
    corners = positions(rng, count, (1 - overlap) * width)
    wide = int(corners.max()) + size
    transmission = OBJECT[object](rng, wide)
    probe = probe * np.sqrt(photons / np.sum(np.abs(probe) ** 2))
    patterns = []
    for row, column in corners:
        wave = np.fft.fft2(probe * transmission[row : row + size, column : column + size], norm="ortho")
        patterns.append(rng.poisson(np.abs(np.fft.fftshift(wave)) ** 2))
    code = seed % 8
    data = pg.make_dataset(np.array(patterns, np.uint32), corners.astype(float), source=f"scan {seed}")
    return Scan(pg.data.apply_orientation(data, code), code, beam, object, photons, overlap)


def positions(rng, count: int, step: float) -> np.ndarray:
    """Whole pixels (y, x) of a spiral or of a grid with jitter, in a square box."""
    side = round(np.sqrt(count))
    if rng.random() < 0.5 or side**2 != count:
        angle = np.arange(count) * np.pi * (3 - np.sqrt(5))
        places = np.sqrt(np.arange(count) + 0.5)[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    else:
        places = np.stack(np.mgrid[:side, :side], axis=-1).reshape(-1, 2) + rng.uniform(-0.3, 0.3, (count, 2))
    places = (places - places.min(axis=0)) / np.ptp(places, axis=0)
    return np.round(places * max(1, round(step * side / 4)) * 4).astype(int)


def centred(wave: np.ndarray) -> np.ndarray:
    """The wave in the sample's plane of one in the pupil."""
    return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(wave)))


def pupil(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns, and distance from the middle."""
    y, x = np.mgrid[:size, :size] - size // 2
    return y, x, np.hypot(y, x)


def focus(rng, size: int):
    """A Gaussian in focus, and its width in pixels."""
    y, x, _ = pupil(size)
    width = size * rng.uniform(0.16, 0.26)
    return np.exp(-2.8 * (y**2 + rng.uniform(0.7, 1.3) * x**2) / width**2) + 0j, 1.4 * width


def defocused(rng, size: int):
    """A Gaussian whose wave front is curved, as in ../shared/cases/make_scan.py."""
    y, x, _ = pupil(size)
    curved = rng.choice([-1, 1]) * rng.uniform(0.01, 0.03) * (32 / size) ** 2 * (y**2 + rng.uniform(0.6, 1.4) * x**2)
    return np.exp(-((y / (size * 0.16)) ** 2) - (x / (size * 0.16)) ** 2 + 1j * curved), 0.32 * size


def zone_plate(rng, size: int):
    """An annular pupil out of focus, as in ../shared/cases/zone_plate.py."""
    _, _, r = pupil(size)
    outer = size * rng.uniform(0.15, 0.2)
    ring = (r < outer) & (r > 0.27 * outer)
    curved = rng.choice([-1, 1]) * rng.uniform(3, 8) * (r / outer) ** 2
    wave = centred(ring * np.exp(1j * curved))
    return wave, diameter(wave)


def aberrated(rng, size: int):
    """A round pupil with astigmatism, coma and some defocus."""
    y, x, r = pupil(size)
    outer = size * rng.uniform(0.12, 0.2)
    u, v, rho = y / outer, x / outer, r / outer
    phase = rng.uniform(-3, 3) * rho**2 + rng.uniform(-2, 2) * (u**2 - v**2) + rng.uniform(-2, 2) * u * v
    wave = centred((rho < 1) * np.exp(1j * (phase + rng.uniform(-2, 2) * u * rho**2 + rng.uniform(-2, 2) * v * rho**2)))
    return wave, diameter(wave)


def flat_top(rng, size: int):
    """An opening just before the sample, round or rectangular."""
    y, x, r = pupil(size)
    half = size * rng.uniform(0.12, 0.2)
    inside = (r < half) if rng.random() < 0.5 else (np.abs(y) < half) & (np.abs(x) < 0.8 * half)
    wave = np.fft.ifft2(
        np.fft.fft2(inside) * np.exp(-8 * (np.fft.fftfreq(size)[:, None] ** 2 + np.fft.fftfreq(size) ** 2))
    )
    return wave * np.exp(1j * rng.uniform(-0.01, 0.01) * r**2), 2 * half


def diameter(wave: np.ndarray) -> float:
    """Of the circle about the middle with 80 % of the power, in pixels."""
    _, _, r = pupil(len(wave))
    order = np.argsort(r.ravel())
    held = np.cumsum((np.abs(wave) ** 2).ravel()[order])
    return 2 * float(r.ravel()[order][np.searchsorted(held, 0.8 * held[-1])])


def noise(rng, size: int, width: float) -> np.ndarray:
    """Smooth noise of variance 1; `width` in pixels."""
    f2 = np.fft.fftfreq(size)[:, None] ** 2 + np.fft.fftfreq(size) ** 2
    image = np.fft.ifft2(np.fft.fft2(rng.normal(size=(size, size))) * np.exp(-2 * (np.pi * width) ** 2 * f2)).real
    return image / image.std()


def smooth(rng, size: int):
    """Clouds that absorb and shift the phase, each on its own."""
    return (0.8 + 0.1 * noise(rng, size, 2)).clip(0.2, 1) * np.exp(1j * rng.uniform(0.3, 0.8) * noise(rng, size, 1.5))


def letters(rng, size: int):
    """Bars like the letter F, of one material, in many sizes."""
    metal = np.zeros((size, size))
    for _ in range(size // 4):
        (y, x), tall = rng.integers(0, size, 2), int(rng.integers(5, 20))
        thick = max(2, tall // 6)
        for top, left, rows, columns in (
            (0, 0, tall, thick),
            (0, 0, thick, tall // 2),
            (tall // 2, 0, thick, tall // 3),
        ):
            metal[y + top : y + top + rows, x + left : x + left + columns] = 1
    return np.exp((-0.2 - 1j * rng.uniform(0.6, 2)) * metal)


def weak(rng, size: int):
    """A phase object of a tenth to a third of a radian."""
    return np.exp(1j * rng.uniform(0.1, 0.35) * noise(rng, size, 1.5))


def cells(rng, size: int):
    """Discs of many sizes, thicker where they overlap, with a slow background."""
    y, x = np.mgrid[:size, :size]
    thick = 0.3 * noise(rng, size, 6)
    for _ in range(size // 3):
        (cy, cx), radius = rng.uniform(0, size, 2), rng.uniform(2, 9)
        thick = thick + np.clip(radius - np.hypot(y - cy, x - cx), 0, 1) * rng.uniform(0.3, 1)
    return np.exp((-0.05 - 0.7j) * thick)


def diffuser(rng, size: int):
    """Phases of several radians that change within two pixels: light all over the detector."""
    return (0.7 + 0.15 * noise(rng, size, 1)).clip(0.1, 1) * np.exp(1.5j * noise(rng, size, 1))


BEAM = dict(zip(BEAMS, (focus, defocused, zone_plate, aberrated, flat_top), strict=True))
OBJECT = dict(zip(OBJECTS, (smooth, letters, weak, cells, diffuser), strict=True))


def validated(number: int, kind: str | None) -> dict:
    """What the trial says of a scan, and whether that is right."""
    made = scan(number, kind)
    trials = pg.automatic.try_orientations(made.data)
    found, true = pg.automatic.preference(trials, made.data), inverse(made.code)
    return {
        "scan": number,
        "beam": made.beam,
        "object": made.object,
        "photons": made.photons,
        "sure": found.is_certain,
        "right": true in found.codes if found.is_certain else trials[0].code in (true, true ^ 3),
        "codes": list(found.codes),
        "true": true,
        "errors": found.errors,
        "margin": found.margin,
        "r_factor": trials[0].r_factor,
        "out_of_focus": bool(trials[0].defocus),  # NaN, of lengths that are not known, is true
        "speckles": bool(trials[0].fwhm),
    }


def show(rows: list[dict]) -> None:
    """How many are sure, and of these wrong, over all and by kind."""
    sure = [row for row in rows if row["sure"]]
    wrong = [row["scan"] for row in sure if not row["right"]]
    print(f"{len(rows)} scans: sure of {len(sure)}, {len(wrong)} of them wrong {wrong or ''}")
    for kind in ("beam", "object"):
        every, told = Counter(row[kind] for row in rows), Counter(row[kind] for row in sure)
        print(f"  by {kind}: " + ", ".join(f"{name} {told[name]} of {every[name]}" for name in every))
    for beginning in ("out_of_focus", "speckles"):
        print(f"  of those that are sure, with a beam of {beginning}: {sum(row[beginning] for row in sure)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--object", choices=OBJECTS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cache", help="folder for compiled programs, so that the next call is faster")
    asked = parser.parse_args()
    if asked.cache:
        jax.config.update("jax_compilation_cache_dir", asked.cache)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    rows = []
    for number in range(asked.first, asked.first + asked.scans):
        row = validated(number, asked.object)
        rows.append(row)
        verdict = ("sure" if row["sure"] else "not told") + ("" if row["right"] else ", wrong")
        facts = (
            f"{row['errors']:.1f} errors, R {row['r_factor']:.3f}"
            + (", out of focus" * row["out_of_focus"])
            + (", speckles" * row["speckles"])
        )
        print(
            f"{number:4d} {row['beam']:10s} {row['object']:8s} {row['photons']:9.3g}: {verdict} ({facts})", flush=True
        )
    show(rows)
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1, default=float), encoding="utf-8")


if __name__ == "__main__":
    main()
