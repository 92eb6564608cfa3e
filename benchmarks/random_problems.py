"""Random problems of every kind from a seeded generator: which ones the default solves, and what it says of the others.

    python -m benchmarks.random_problems [--seed 1] [--count 20] [--json FILE]

Each is simulated on a finer grid (`fine_grid`), which shares no code with the package: far fields with one mode or
more, near fields, beams larger than the window, two slices, backgrounds; rasters, jittered ones and spirals; 1e2 to 1e7
photons a pattern (near fields: from 1e5), beams, overlaps, and starts that are near the beam, estimated from the mean
pattern, or with a random object. The run is the command line's, told what kind it is and nothing else. It is solved
where the object's correlation with the truth, both smoothed by 1.5 pixels, shift, ramp and constant taken out, is above
0.89, and has failed below 0.71, as in `verdicts.py`. A run that failed and is called at or near the noise is silent.
Seed 0 is for trying this script, others are for judging: no constant of the package was chosen on either.
"""

import argparse
import json

import numpy as np

import ptychograd as pg
from benchmarks import fine_grid

KINDS = ("far field", "modes", "near field", "oversampling", "slices", "background")
SOLVED, FAILED = 0.89, 0.71
WAVELENGTH, PIXEL = 1.5e-10, 50e-9  # metres
TOLD = {
    "modes": {"model.probe.modes": 3},
    "background": {"fit.refine": ["detector.background"]},
    "oversampling": {"model.detector.oversampling": 2},
}


def drawn(seed: int, number: int, small: bool = False) -> dict:
    """All that is known of a problem."""
    rng, kind = np.random.default_rng([seed, number]), KINDS[number % len(KINDS)]
    c = {"kind": kind, "n": int(rng.choice([32, 48, 64])), "side": int(rng.integers(9, 15)), "dose": rng.uniform(2, 7)}
    c |= {"scan": str(rng.choice(["raster", "jittered", "jittered", "spiral"])), "turn": rng.uniform(-45, 45)}
    c |= {"beam": str(rng.choice(["disc", "gauss", "astig", "zone"])), "size": rng.uniform(0.14, 0.26)}
    radius = rng.uniform(0.14, 0.2) * c["n"] * (2.2 if kind == "oversampling" else 1)
    c |= {"curve": radius * np.pi * c["size"] * rng.choice([-1, 1]), "step": radius * rng.uniform(0.25, 0.7)}
    c |= {"strength": rng.uniform(0.2, 1.0), "width": rng.uniform(1.5, 3), "radius": rng.uniform(3, 6)}
    c |= {"absorb": float(rng.choice([0, 0.1, 0.3])), "start": str(rng.choice(["near"] * 4 + ["mean"]))}
    c |= {
        "object": str(rng.choice(["flat", "flat", "random"])),
        "off": rng.uniform(0.8, 1.2),
        "bend": rng.uniform(8, 16),
    }
    if kind == "near field":
        c |= {"n": int(rng.choice([64, 80])), "side": int(rng.integers(7, 10)), "dose": rng.uniform(5, 7.5)}
        c |= {"bend": rng.uniform(30, 90), "step": rng.uniform(3, 8), "start": "mean"}
    if small:
        c |= {"n": 32, "side": 6, "dose": 5.0, "step": 3.0}
    c["dose"] = 10 ** c["dose"]
    return c | {"more": int(rng.integers(2**31))}


def diffused(n: int, rng: np.random.Generator) -> np.ndarray:
    """A Gaussian beam behind a diffuser, of power 1, on the fine grid of a near field."""
    m = fine_grid.FINER * n
    r = (np.arange(m) - (m - 1) / 2) / m
    envelope = np.exp(-(r[:, None] ** 2 + r**2) / 0.2**2)
    speckle = fine_grid.smooth(rng, (m, m), 6.0) + 1j * fine_grid.smooth(rng, (m, m), 6.0)
    one = envelope * (0.3 + speckle)
    return one / np.linalg.norm(one)


def near_fields(object: np.ndarray, probe: np.ndarray, places: np.ndarray, bend: float) -> np.ndarray:
    """Expected shadows (index, n, n), each pixel with the light on all of it; the detector stays with the beam."""
    n = len(probe) // fine_grid.FINER
    waves = fine_grid.exit_waves(object[None], probe, places)
    light = np.array([np.abs(fine_grid.moved(fine_grid.onwards(psi, bend), -part)) ** 2 for psi, part in waves])
    return light.reshape(len(places), n, 2, n, 2).sum(axis=(2, 4))


def beams(c: dict) -> list[np.ndarray]:
    """The incoherent modes of the beam in a far field, of power 1 together."""
    n = c["n"] * (2 if c["kind"] == "oversampling" else 1)
    first = fine_grid.wave(n, c["beam"], c["size"], c["curve"])
    if c["kind"] != "modes":
        return [first]
    y, x = (np.mgrid[: len(first), : len(first)] - len(first) // 2) / (0.2 * len(first))
    modes = [first, 0.5 * y * first, 0.4 * x * first]
    return [mode / np.sqrt(sum(np.linalg.norm(one) ** 2 for one in modes)) for mode in modes]


def geometry(c: dict) -> pg.Geometry:
    """Lengths in metres by which an object's pixel is `PIXEL`."""
    if c["kind"] == "near field":
        return pg.NearFieldGeometry(WAVELENGTH, c["bend"] * PIXEL**2 / (np.pi * WAVELENGTH), (PIXEL, PIXEL))
    return pg.Geometry(WAVELENGTH, PIXEL * c["n"] * 75e-6 / WAVELENGTH, (75e-6, 75e-6))


def measured(c: dict) -> tuple[pg.Dataset, np.ndarray, np.ndarray]:
    """The data of a problem, its object on the pixels of the reconstruction, and the corners of windows in these."""
    rng, n = np.random.default_rng(c["more"]), c["n"]
    places = fine_grid.scan(c["scan"], c["side"], c["step"], c["turn"], rng)
    frame, count = n * (2 if c["kind"] == "oversampling" else 1), 2 if c["kind"] == "slices" else 1
    shape = tuple(np.ceil(places.max(axis=0)).astype(int) + frame + 4)
    v = [fine_grid.potential(rng, shape, c["width"], c["radius"], c["strength"] / count**0.5) for _ in range(count)]
    slices, start = np.exp((1j - c["absorb"]) * np.array(v)), None
    if c["kind"] == "near field":
        expected = near_fields(slices[0], diffused(n, rng), places, c["bend"])
    else:
        expected = fine_grid.far_fields(slices, beams(c), places, c["bend"])
    if c["kind"] == "oversampling":
        expected = expected.reshape(len(places), n, 2, n, 2).sum(axis=(2, 4))
    counts = rng.poisson(expected * c["dose"] + (0.05 * c["dose"] / n**2 if c["kind"] == "background" else 0))
    if c["start"] == "near":
        start = fine_grid.wave(frame, c["beam"], c["size"], c["curve"] * c["off"], 1)
        start = start[(frame - n) // 2 :, (frame - n) // 2 :][:n, :n] * np.sqrt(counts.sum(axis=(1, 2)).mean())
        start = start.astype(np.complex64)
    data = pg.make_dataset(counts.astype(np.uint32), places * PIXEL, geometry=geometry(c), probe=start)
    return data, fine_grid.truth(np.sum(v, axis=0), c["absorb"]), places


def plan(c: dict, epochs: int | None) -> pg.Plan:
    """What the run is told: of which kind it is."""
    told = pg.Plan(fit={"epochs": epochs}, model={"start": {"object": c["object"]}}).with_fields(
        TOLD.get(c["kind"], {})
    )
    if c["kind"] == "slices":
        distance = c["bend"] * PIXEL**2 / (np.pi * WAVELENGTH)
        return told.with_fields({"model.object": {"slices": 2, "slice_distance": distance}})
    return told


def tried(c: dict, epochs: int | None) -> dict:
    """The run by default, judged."""
    data, truth, places = measured(c)
    result = pg.perform(plan(c, epochs).make_run(data))
    found = result.object if result.object.ndim == 2 else np.prod(result.object, axis=0)
    where = fine_grid.lit(found.shape, result.corners, result.probe)
    there = fine_grid.placed(truth, found.shape, result.corners[0] - np.round(places[0]).astype(int))
    plain, blurred, _ = fine_grid.registered(found, there, where)
    verdict = result.settings["verdict"]
    good = "solved" if blurred > SOLVED else "failed" if blurred < FAILED else "between"
    return {
        "correlation": round(plain, 3),
        "blurred": round(blurred, 3),
        "truth": good,
        "r": round(result.history.r_factor[-1], 4),
        "chi_squared": round(verdict["chi_squared"], 3),
        "verdict": verdict["code"],
        "causes": [cause["code"] for cause in verdict["causes"]],
        "is_silent": good == "failed" and verdict["code"] in ("at_noise", "near_noise"),
        "epochs": result.history.epochs,
        "solver": result.settings["solver"].split(",")[0],
        "batch_size": result.settings["batch_size"],
        "seconds": round(sum(result.history.seconds[1:]), 1),
    }


def line_of(number: int, row: dict) -> str:
    """A problem and what became of it, as a line of a table."""
    start = f"{'diffused' if row['kind'] == 'near field' else row['beam']}, {row['start']}, {row['object']}"
    cells = (number, row["kind"], f"{row['n']}, {row['side'] ** 2}, {row['dose']:.0e}")
    cells += (f"{row['scan']}, {row['step']:.1f}", start, f"{row['chi_squared']:.2f}")
    cells += (row["verdict"] + " (lattice)" * ("lattice" in row["causes"]),)
    cells += (f"{row['correlation']:.2f}, {row['blurred']:.2f}", row["truth"] + ", silent" * row["is_silent"])
    return f"| {' | '.join(map(str, cells))} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--numbers", type=int, nargs="*", help="of the problems, in place of the first ones")
    parser.add_argument("--epochs", type=int, help="by default those of the command line")
    parser.add_argument("--small", action="store_true", help="small arrays, to try the script")
    parser.add_argument("--json")
    given, rows = parser.parse_args(), []
    print("| | kind | frame, patterns, photons | scan, step | beam, start | χ² | verdict | correlation, smoothed | |")
    print("|---|---|---|---|---|---|---|---|---|")
    for number in given.numbers or range(given.count):
        c = drawn(given.seed, number, given.small)
        rows.append(row := c | tried(c, given.epochs))
        print(line_of(number, row), flush=True)
        if given.json:
            with open(given.json, "w") as file:
                json.dump(rows, file, indent=1)
    solved, failed = (sum(row["truth"] == truth for row in rows) for truth in ("solved", "failed"))
    print(f"\n{solved} of {len(rows)} solved, {failed} failed, {sum(row['is_silent'] for row in rows)} of these silent")


if __name__ == "__main__":
    main()
