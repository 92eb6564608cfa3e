"""How surely marks of gaps are told from saturated beams, in simulated scans of many kinds: a table of runs and errors.

python benchmarks/gaps.py [--rounds 25]
"""

import argparse
from collections import defaultdict

import numpy as np

from ptychograd.data.cleaning import gap_pixels, good_values, spread

PROBES = ("gauss", "real gauss", "disc", "large disc", "slit", "plane", "annulus", "diffuser")
GAPS = ("columns", "middle columns", "rows", "cross", "pixels", "module", "corner", "block")
FRAMES = ((32, 32), (64, 48), (45, 63), (128, 96))
STEP = 40  # pixels over which windows are scattered


def smooth(rng, shape, width):
    """Noise between 0 and 1, smooth over some pixels."""
    y, x = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])
    image = np.fft.ifft2(np.fft.fft2(rng.normal(size=shape)) * np.exp(-20 * width**2 * (y**2 + x**2))).real
    return (image - image.min()) / np.ptp(image)


def beam(kind, shape):
    """A probe of some kind."""
    y, x = (np.arange(shape[0]) - shape[0] // 2)[:, None], np.arange(shape[1]) - shape[1] // 2
    radius = np.hypot(y / shape[0], x / shape[1])
    if kind == "annulus":
        lens = ((radius < 0.3) & (radius > 0.12)) * np.exp(40j * radius**2)
        return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(lens)))
    gauss = np.exp(-((y / shape[0]) ** 2 + (x / shape[1]) ** 2) / 0.16**2)
    kinds = {
        "gauss": gauss * np.exp(0.02j * (y**2 + 0.7 * x**2)),
        "real gauss": gauss,
        "disc": radius < 0.25,
        "large disc": radius < 0.4,
        "slit": (np.abs(y) < 0.2 * shape[0]) & (np.abs(x) < 0.22 * shape[1]),
        "plane": np.ones(shape),
        "diffuser": (radius < 0.25) * np.exp(4j * np.pi * smooth(np.random.default_rng(5), shape, 0.8)),
    }
    return kinds[kind].astype(complex)


def scan(rng, kind, shape, count, strength, photons, near):
    """Expected patterns of a phase object that is more or less strong."""
    probe = beam(kind, shape)
    probe *= np.sqrt(photons / np.sum(np.abs(probe) ** 2))
    whole = (shape[0] + STEP, shape[1] + STEP)
    object = 1 - 0.4 * min(1, strength) * smooth(rng, whole, 1.5)
    object = object * np.exp(1.5j * strength * smooth(rng, whole, rng.uniform(0.5, 2)))
    frequency = np.fft.fftfreq(shape[0])[:, None] ** 2 + np.fft.fftfreq(shape[1]) ** 2
    found = []
    for y, x in rng.integers(0, STEP + 1, (count, 2)):
        spectrum = np.fft.fft2(probe * object[y : y + shape[0], x : x + shape[1]], norm="ortho")
        near_field = np.fft.ifft2(spectrum * np.exp(-30j * frequency), norm="ortho")
        found.append(np.abs(near_field if near else np.fft.fftshift(spectrum)) ** 2)
    return np.array(found)


def gap(rng, kind, shape):
    """Pixels of a gap of some kind."""
    rows, columns = shape
    where = np.zeros(shape, bool)
    y, x = (int(rng.integers(2, n - 8)) for n in shape)
    if kind == "columns":
        where[:, x : x + rng.integers(1, 4)] = True
    elif kind == "middle columns":
        begin = columns // 2 + rng.integers(-2, 2)
        where[:, begin : begin + 2] = True
    elif kind == "rows":
        where[y : y + rng.integers(1, 6)] = True
    elif kind == "cross":
        where[rows // 2 - 3 : rows // 2 + rng.integers(-1, 3)] = where[:, x : x + 2] = True
    elif kind == "pixels":
        where[rng.integers(0, rows, 5), rng.integers(0, columns, 5)] = True
    elif kind == "module":
        where[: rows // 3, : columns // 2] = True
    elif kind == "corner":
        where[:2] = where[:, -2:] = True
    else:
        where[y : y + 5, x : x + 6] = True
    return where


def told(patterns):
    """Pixels that are taken for a gap."""
    frames = ((patterns[n], good_values(patterns[n])) for n in spread(len(patterns)))
    gaps = gap_pixels(frames, patterns.shape[1:], patterns.dtype)
    return np.any([*gaps.values(), np.zeros(patterns.shape[1:], bool)], axis=0)


def stop(rng, shape):
    """False behind a beam stop: a disc with a rod, or a bar beside the middle."""
    y, x = (np.arange(shape[0]) - shape[0] // 2)[:, None], np.arange(shape[1]) - shape[1] // 2
    if rng.random() < 0.5:
        return ~((np.hypot(y, x) < rng.uniform(2, shape[0] / 8)) | ((np.abs(x) < 1.5) & (y > 0)))
    return ~((x > rng.integers(-2, 3)) & (np.abs(y) < shape[0] / 6))


def without_gaps(rng, expected):
    """Patterns in which nothing is to be found, by their kind."""
    patterns = rng.poisson(expected)
    faint = expected / expected.mean() * 10 ** rng.uniform(-2, 0.5)
    yield "plain", patterns
    yield "faint", rng.poisson(faint)
    yield "without noise", expected
    yield "uniform object", rng.poisson(np.broadcast_to(expected[:1], expected.shape))
    yield "uniform object, without noise", np.repeat(expected[:1], len(expected), axis=0)
    largest = np.maximum(patterns.max(axis=(1, 2), keepdims=True), 1)
    yield "each scaled to its maximum", (patterns / largest).astype(np.float32)
    for share in (1, 3, 10, 40, 200):
        top = int(np.sort(patterns.min(axis=0).ravel())[-min(share, patterns[0].size - 1)])
        if top < 5:
            continue
        full = np.minimum(patterns, top)
        yield "saturated", full
        yield "saturated at 65535", np.minimum(np.round(full * (65535 / top)), 65535).astype(np.int32)
        yield "saturated, with a beam stop", full * stop(rng, full.shape[1:])


def with_gaps(rng, expected):
    """Patterns with gaps, where these are, and what kind they are of."""
    patterns = rng.poisson(expected)
    largest = int(patterns.max())
    marks = [(65535, np.int32), (2**32 - 1, np.float32), (2**32 - 2, np.uint32)]
    if len(patterns) >= 8:
        marks.append((int(largest * rng.choice([1.5, 3, 30, 1000])) + 20, np.int64))
    for kind in GAPS:
        where = gap(rng, kind, patterns.shape[1:])
        for value, dtype in marks:
            if value > largest:
                marked = patterns.astype(dtype)
                marked[:, where] = value
                yield ("single pixels" if kind == "pixels" else "gaps"), where, marked


def main():
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=25)
    rng, rows = np.random.default_rng(11), defaultdict(lambda: np.zeros(3, int))
    for kind in PROBES * parser.parse_args().rounds:
        shape, count = FRAMES[rng.integers(4)], int(rng.choice([3, 8, 12, 40, 100]))
        strength, photons, near = rng.choice([0.05, 0.3, 1, 3]), 10 ** rng.uniform(3, 8), rng.random() < 0.2
        expected = scan(rng, kind, shape, count, strength, photons, near)
        for name, patterns in without_gaps(rng, expected):
            wrong = np.count_nonzero(told(patterns))
            rows[f"{name}: masked in error"] += (1, wrong > 0, wrong)
        for name, where, patterns in with_gaps(rng, expected):
            found = told(patterns)
            middle = np.zeros(shape, bool)
            middle[shape[0] // 2 - 1 : shape[0] // 2 + 2, shape[1] // 2 - 1 : shape[1] // 2 + 2] = True
            missed = np.count_nonzero(where & ~found)
            rows[f"{name}: missed"] += (1, missed > 0, missed)
            if name == "single pixels":
                outside = np.count_nonzero(where & ~found & ~middle)
                rows["single pixels beside the middle: missed"] += (1, outside > 0, outside)
            beside = np.count_nonzero(found & ~where)
            rows["beside gaps: masked in error"] += (1, beside > 0, beside)
    print("| case | runs | wrong | pixels |\n|---|---|---|---|")
    for name, (runs, wrong, pixels) in rows.items():
        print(f"| {name} | {runs:,} | {wrong:,} | {pixels:,} |")


if __name__ == "__main__":
    main()
