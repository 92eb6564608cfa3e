"""Drawn scans with known truth, of few and of many photons: in which the scan's lattice grew, and what is said of it.

    python benchmarks/raster_grid.py [--set tune|judge] [--only KIND]

The simulation is NumPy alone and shares no code with the package. `low` are weak objects with few photons in small
batches, `good` others with many, `periodic` specimens that repeat at, near or off the scan's step, mostly in the phase,
`absorbing` such ones that repeat in the magnitude, `small` as low with few positions, and `scan` a low dose on
jittered, hexagonal, spiral and concentric scans. "tune" are the draws by which the limits of `raster_artefact` were
chosen, "judge" were run once when these stood. `lattice` is the error of the object at the scan's reciprocal lattice
over its contrast.
"""

import argparse

import numpy as np

import ptychograd as pg

ORDERS = [(h, k) for h in range(-2, 3) for k in range(-2, 3) if (h, k) != (0, 0)]


def smooth(rng: np.random.Generator, shape: tuple[int, int], width: float) -> np.ndarray:
    k2 = sum(np.meshgrid(*(np.fft.fftfreq(n) ** 2 for n in shape), indexing="ij"))
    z = np.fft.ifft2(np.fft.fft2(rng.normal(size=shape)) * np.exp(-2 * (np.pi * width) ** 2 * k2)).real
    return (z - z.mean()) / z.std()


def discs(rng: np.random.Generator, shape: tuple[int, int], radius: float, count: int = 40) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    out = np.zeros(shape)
    for _ in range(count):
        a, b = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        out += np.clip(radius * rng.uniform(0.7, 1.3) - np.hypot(y - a, x - b) + 0.5, 0, 1)
    return out


def beam(n: int, kind: str, size: float, curve: float, rng: np.random.Generator) -> np.ndarray:
    """A wave (n, n) of power 1; `size` is the pupil's radius in cycles a pixel, `curve` its phase at the rim."""
    ky, kx = np.meshgrid(*(np.fft.fftfreq(n),) * 2, indexing="ij")
    k = np.hypot(ky, kx)
    disc, phase = np.clip((size - k) * n + 0.5, 0, 1), curve * (k / size) ** 2
    if kind == "zone":
        disc = disc * np.clip((k - 0.35 * size) * n + 0.5, 0, 1)
    if kind == "gauss":
        disc = np.exp(-((k / size) ** 2) * 2)
    if kind == "astig":
        phase = curve * ((ky / size) ** 2 + 0.6 * (kx / size) ** 2) + 2 * (k / size) ** 3
    if kind == "speckle":
        phase = phase + 1.2 * smooth(rng, (n, n), 1.5)
    wave = np.fft.fftshift(np.fft.ifft2(disc * np.exp(1j * phase)))
    return wave / np.sqrt(np.sum(np.abs(wave) ** 2))


def steps(c: dict) -> np.ndarray:
    """The two steps of the scan's lattice, each (y, x)."""
    s, t = c["step"], np.deg2rad(c["turn"])
    first = {"hex": [s * np.sqrt(3) / 2, s / 2], "oblique": [s, 0.3 * s]}.get(c["kind"], [s * c.get("ratio", 1.0), 0])
    return np.array([first, [0, s]]) @ np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]])


def scan(c: dict, rng: np.random.Generator) -> np.ndarray:
    rows, columns, step, t = c["rows"], c["cols"], c["step"], np.deg2rad(c["turn"])
    i, j = (a.ravel() for a in np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"))
    number = np.arange(rows * columns)
    if c["kind"] == "hex":
        r = np.stack([i * step * np.sqrt(3) / 2, (j + 0.5 * (i % 2)) * step], -1)
    elif c["kind"] == "oblique":
        r = np.stack([i * step, j * step + 0.3 * i * step], -1)
    elif c["kind"] == "spiral":
        angle = number * 2.39996323
        r = (step * 0.565 * np.sqrt(number + 0.5))[:, None] * np.stack([np.sin(angle), np.cos(angle)], -1)
    elif c["kind"] == "concentric":
        rings = [(0.0, 0.0)]
        for k in range(1, rows + columns):
            angle = 2 * np.pi * np.arange(round(2 * np.pi * k)) / round(2 * np.pi * k)
            rings += zip(k * step * np.sin(angle), k * step * np.cos(angle), strict=True)
        r = np.array(rings[: rows * columns])
    else:
        r = np.stack([i * step * c.get("ratio", 1.0), j * step], -1)
    r = r + rng.uniform(-0.5, 0.5, r.shape) * step * c.get("jitter", 0.0)
    r = r @ np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]])
    return r - r.min(axis=0)


def sample(c: dict, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    v, strength = np.zeros(shape), c["strength"]
    if c["object"] == "weak":
        v = strength * (smooth(rng, shape, c["width"]) * 0.5 + 1.5 * discs(rng, shape, c["radius"]))
    if c["object"] == "blobs":
        v = strength * 1.5 * discs(rng, shape, c["radius"])
    if c["object"] == "siemens":
        a, b = y - shape[0] / 2, x - shape[1] / 2 + 1e-9
        v = strength * 2.0 * ((np.sin(24 * np.arctan2(a, b)) > 0) & (np.hypot(a, b) < 0.45 * min(shape)))
    if c["object"] == "noise":
        v = strength * smooth(rng, shape, 0.8)
    if "period" in c:
        t = np.deg2rad(c["pangle"])
        along = (y * np.cos(t) - x * np.sin(t), y * np.sin(t) + x * np.cos(t))
        v = v + c["pamp"] * sum(np.cos(2 * np.pi * a / c["period"]) for a in along) / 2
    return np.exp((1j - c["absorb"]) * v)


def measured(c: dict) -> tuple[pg.Dataset, np.ndarray, np.ndarray]:
    """The data of a case, its object, and the positions in pixels of that."""
    rng, n, seed = np.random.default_rng(c["seed"]), c["n"], c["seed"]
    places = scan(c, rng)
    object = sample(c, tuple(np.ceil(places.max(axis=0)).astype(int) + n + 2), rng)
    wave = beam(n, c["probe_kind"], c["size"], c["curve"], np.random.default_rng([seed, 1]))
    f, expected = np.fft.fftfreq(n), []
    for place in places:
        (y, x), part = np.round(place).astype(int), place - np.round(place)
        moved = np.fft.ifft2(np.fft.fft2(wave) * np.exp(-2j * np.pi * (f[:, None] * part[0] + f * part[1])))
        there = np.fft.fft2(moved * object[y : y + n, x : x + n], norm="ortho")
        expected.append(np.abs(np.fft.fftshift(there)) ** 2)
    spread = [(0, 0), (0, 1), (1, 0), (1, 1)] if c.get("spread") else [(0, 0)]
    counts = rng.poisson(np.array(expected) * c["dose"] / len(spread))
    counts = sum(np.roll(counts, shift, (1, 2)) for shift in spread)
    start = beam(
        n, c["probe_kind"], c["size"], c["curve"] * c.get("start_curve", 1.0), np.random.default_rng([seed, 1])
    )
    start = start * np.sqrt(counts.sum(axis=(1, 2)).max())
    return pg.make_dataset(counts.astype(np.uint32), places, probe=start.astype(np.complex64)), object, places


def drawn(seed: int, what: str) -> dict:
    """A case of a kind, all of it drawn from the seed."""
    r = np.random.default_rng([seed, {"low": 1, "good": 2, "periodic": 3}[what]])
    c = {"seed": seed, "n": int(r.choice([40, 48, 56, 64])), "rows": int(r.integers(20, 37))}
    c |= {"cols": int(r.integers(20, 37)), "kind": str(r.choice(["raster", "raster", "raster", "hex", "oblique"]))}
    c["turn"] = float(r.choice([0, 0, 90, -36, 12.5, 45, r.uniform(-90, 90)]))
    if c["kind"] == "raster" and r.random() < 0.3:
        c["ratio"] = float(r.choice([1.2, 1.5, 0.75]))
    c["probe_kind"], c["size"] = str(r.choice(["disc", "zone", "gauss", "astig", "speckle"])), r.uniform(0.1, 0.3)
    radius = r.uniform(0.1, 0.22) * c["n"]
    c["curve"] = radius * np.pi * c["size"]
    c["step"] = float(
        max(2.5, r.uniform(0.3, 0.8) * radius) if r.random() < 0.8 else round(max(3, r.uniform(0.3, 0.8) * radius))
    )
    c["object"], c["absorb"] = str(r.choice(["weak", "blobs", "siemens", "noise"])), float(r.choice([0, 0, 0.3, 0.6]))
    c["radius"], c["width"] = r.uniform(2, 7), r.uniform(1, 3)
    if what == "low":
        c["strength"], c["dose"] = float(r.choice([0.08, 0.12, 0.2])), 10 ** r.uniform(2.7, 3.8)
        c["batch"], c["spread"] = int(r.choice([4, 16, 16])), bool(r.random() < 0.25)
        return c
    c["strength"], c["dose"] = r.uniform(0.2, 1.0), 10 ** r.uniform(4, 6)
    c["batch"], c["start_curve"] = int(r.choice([8, 16, 16, 64])), float(r.choice([1, 1, 0.9]))
    if what == "periodic":
        if r.random() < 0.3:
            c["dose"], c["batch"] = 10 ** r.uniform(3, 4), "all"
        c["period"] = c["step"] * float(r.choice([1, 1, 1, 1.004, 1.02, 1.1, 0.5, 2, 1.4142, 0.7]))
        c["pangle"] = float(r.choice([-c["turn"], c["turn"], 0, 20]))
        c["pamp"] = float(r.choice([0.1, 0.3, 0.6, 1.0]))
        c["strength"] *= float(r.choice([0.3, 1]))
        c["object"] = "none" if r.random() < 0.25 else c["object"]
        c["kind"], c["ratio"] = "raster", 1.0
    return c


def absorbing(seed: int) -> dict:
    c, r = drawn(seed, "periodic"), np.random.default_rng([seed, 77])
    c["absorb"], c["pamp"] = float(r.choice([1.0, 2.0, 4.0])), float(r.choice([0.1, 0.2, 0.4]))
    c["strength"], c["pangle"] = float(r.choice([0.05, 0.2])), c["turn"] * (1 if r.random() < 0.5 else -1)
    share = float(r.choice([1, 1, 1, 1.004, 1.02, 0.5, 2]))
    c["probe_kind"] = str(r.choice(["speckle", "zone", "disc", "astig"]))
    c["step"] *= float(r.choice([1, 1.3]))
    return c | {"period": c["step"] * share}


def small(seed: int, shape: int) -> dict:
    c, r = drawn(seed, "low"), np.random.default_rng(shape)
    return c | {"rows": int(r.integers(9, 17)), "cols": int(r.integers(9, 17)), "n": min(c["n"], 48)}


def scans(chosen: bool) -> list[tuple[str, dict]]:
    """Raster, jittered, hexagonal and other scans of one low dose; the probe is another for those not `chosen` on."""
    first = {"n": 64, "rows": 40, "cols": 40, "step": 5.0, "turn": -36.0, "probe_kind": "disc", "size": 0.23}
    other = {"n": 48, "rows": 30, "cols": 33, "step": 4.0, "turn": 11.0, "probe_kind": "zone", "size": 0.2}
    c = first | {"curve": 10.4, "dose": 3000, "seed": 0} if chosen else other | {"curve": 6.5, "dose": 1500, "seed": 7}
    c |= {"object": "weak", "strength": 0.12, "absorb": 0.0, "width": 2.0, "radius": 5.0}
    kinds = [("raster", j) for j in ((0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.6) if chosen else (0, 0.1, 0.25, 0.5))]
    kinds += [("spiral", 0), ("concentric", 0), ("hex", 0), ("oblique", 0) if chosen else ("hex", 0.3)]
    batches = (16, 4, "all") if chosen else (4, 16)
    return [(f"{k} {j} {b}", c | {"kind": k, "jitter": j, "batch": b}) for b in batches for k, j in kinds]


def cases(name: str) -> list[tuple[str, dict]]:
    if name == "tune":
        found = [(f"{what} {s}", drawn(s, what)) for s in range(25) for what in ("low", "good", "periodic")]
        found += [(f"absorbing {s}", absorbing(s)) for s in range(200, 216)]
        found += [(f"small {s}", small(500 + s, s)) for s in range(12)]
    else:
        counts = {"low": 20, "good": 30, "periodic": 15}
        found = [(f"{what} {s}", drawn(s, what)) for what, n in counts.items() for s in range(1000, 1000 + n)]
        found += [(f"absorbing {s}", absorbing(s)) for s in range(1200, 1212)]
        found += [(f"small {s}", small(s, s)) for s in range(1500, 1506)]
    return found + [(f"scan {what}", c) for what, c in scans(name == "tune")]


def errors(result: pg.Result, object: np.ndarray, places: np.ndarray, c: dict) -> tuple[float, float]:
    """The object's error at the scan's reciprocal lattice over its contrast, and the correlation of the phases."""
    found, n = result.object, result.probe.shape[-1]
    at = result.corners[0] - np.round(places[0]).astype(int)
    truth = np.ones(found.shape, complex)
    height, width = (min(a, b - k) for a, b, k in zip(object.shape, found.shape, at, strict=True))
    truth[at[0] : at[0] + height, at[1] : at[1] + width] = object[:height, :width]
    middle = result.corners + (n - 1) / 2
    low, high = middle.min(axis=0), middle.max(axis=0)
    along = [np.clip((np.arange(size) - a) / (b - a), 0, 1) for size, a, b in zip(found.shape, low, high, strict=True)]
    window = np.sin(np.pi * along[0][:, None]) ** 2 * np.sin(np.pi * along[1]) ** 2
    window /= window.sum()
    y, x = np.mgrid[: found.shape[0], : found.shape[1]]
    spectrum = np.abs(np.fft.fft2(found * truth.conj() * window, (512, 512)))
    k = (np.array(np.unravel_index(spectrum.argmax(), spectrum.shape)) + 256) % 512 - 256
    found = found * np.exp(-2j * np.pi * (k[0] * y + k[1] * x) / 512)
    found = found * np.exp(-1j * np.angle(np.sum(found * truth.conj() * window)))
    found = found * abs(np.sum(truth * window)) / abs(np.sum(found * window))
    waves = np.array(ORDERS) @ (2 * np.pi * np.linalg.inv(steps(c)).T)
    waves = waves[(np.abs(waves) < np.pi).all(axis=1)]
    parts = [np.sum((found - truth) * window * np.exp(-1j * (p * y + q * x))) for p, q in waves]
    contrast = np.sqrt(np.sum(window * np.abs(truth - np.sum(truth * window)) ** 2))
    one, other = (phase - np.sum(phase * window) for phase in (np.angle(found), np.angle(truth)))
    power = np.sqrt(np.sum(one**2 * window) * np.sum(other**2 * window))
    return float(np.linalg.norm(parts) / contrast), float(np.sum(one * other * window) / max(power, 1e-30))


def validated(name: str, c: dict) -> tuple[bool, bool]:
    """Whether a lattice of half of the contrast grew in a case, and whether one was told; a row is printed."""
    data, object, places = measured(c)
    batch = data.count if c["batch"] == "all" else c["batch"]
    run = pg.Run(pg.far_field(data), data, pg.Nesterov(momentum=0.8), (pg.Stage(30),), batch, c["seed"])
    result = pg.perform(run)
    lattice, correlation = errors(result, object, places, c)
    found, verdict = pg.fitting.raster_artefact(result), result.settings["verdict"]
    told = any(cause["code"] == "lattice" for cause in verdict["causes"])
    figures = "- | - | - | -"
    if found is not None:
        figures = f"{found.object:.4f} | {found.probe:.4f} | {found.in_phase:+.2f} | {found.prominence:.0f}"
    print(
        f"| {name} | {lattice:.2f} | {correlation:+.2f} | {figures} | {verdict['code']} | {'lattice' * told} |",
        flush=True,
    )
    return lattice > 0.5, told


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=("tune", "judge"), default="judge")
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    print("| case | lattice | correlation | object | probe | in phase | prominence | verdict | told |")
    rows = [validated(name, c) for name, c in cases(given.set) if given.only in name]
    for grew in (True, False):
        told = [told for there, told in rows if there == grew]
        print(f"lattice {'above' if grew else 'below'} half of the contrast: {len(told)} runs, {sum(told)} told")


if __name__ == "__main__":
    main()
