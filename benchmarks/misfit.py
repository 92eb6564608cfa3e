"""Data that the model does not fit: what the default makes of them, beside batches of sizes that are said.

    python -m benchmarks.misfit FILE.jsonl [--first 0] [--good 50] [--epochs 60]
    python -m benchmarks.misfit FILE.jsonl --table

Each scan is simulated on a finer grid (`fine_grid`) with one thing of which the reconstruction is not told: a thick
object fitted as one slice, a source that is not coherent, a start probe 30 % out of focus, a detector's point spread, a
background, pixels 3 % too small, and wrong positions; on a raster, a jittered one and a spiral, at three doses. Beam,
turn and object are drawn. All runs are those of the command line, by default and with `--batch-size`. `--good` so
many more scans have nothing wrong and many photons: of none of them should a lattice be told. A line is written for
each run, and runs that are in the file already are not done again. No constant of the package was chosen on these data.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

import ptychograd as pg
from benchmarks import fine_grid
from benchmarks.raster_grid import errors

MISFITS = ("thick", "coherence", "defocus", "spread", "background", "pixel", "positions")
SCANS, DOSES = ("raster", "jittered", "spiral"), (2e3, 3e4, 1e6)
BATCHES = (None, 4, 16, 64, "all")  # None is the default
FRAME, SIDE, EXTENT = 64, 16, 72.0
WITHIN, LATTICE = 1.1, 0.5  # times the best R; of the contrast
GOOD = 0.9  # correlation with the truth of a run that may be called good


def drawn(misfit: str, kind: str, dose: float, seed: int) -> dict:
    """All that is known of a case."""
    rng = np.random.default_rng([seed, *misfit.encode(), SCANS.index(kind), int(np.log10(dose) * 10)])
    c = {"misfit": misfit, "scan": kind, "dose": dose, "seed": seed, "turn": float(rng.choice([0, -36, 12, 30]))}
    c |= {"kind": str(rng.choice(["disc", "disc", "gauss", "astig", "zone"])), "size": rng.uniform(0.16, 0.26)}
    radius = rng.uniform(9, 14)  # of the beam on the object, pixels
    c |= {"curve": float(radius * np.pi * c["size"] * rng.choice([-1, 1]))}
    c |= {"strength": rng.uniform(0.1, 0.2) if dose < 1e4 else rng.uniform(0.2, 0.7), "width": rng.uniform(1.5, 3)}
    return c | {"absorb": float(rng.choice([0, 0, 0.2])), "radius": rng.uniform(3, 6), "more": int(rng.integers(2**31))}


def measured(c: dict, side: int = SIDE, frame: int = FRAME) -> tuple[pg.Dataset, np.ndarray, np.ndarray]:
    """The data of a case, its object on the pixels that the reconstruction takes, and the positions it is told."""
    rng, misfit = np.random.default_rng(c["more"]), c["misfit"]
    places = fine_grid.fitted(fine_grid.scan(c["scan"], side, 1.0, c["turn"], rng), EXTENT)
    shape = tuple(np.ceil(places.max(axis=0)).astype(int) + frame + 4)
    count, points = (3 if misfit == "thick" else 1), [(0.0, 0.0)]
    v = [fine_grid.potential(rng, shape, c["width"], c["radius"], c["strength"] / count**0.5) for _ in range(count)]
    if misfit == "coherence":
        points += [(1.2 * np.sin(a), 1.2 * np.cos(a)) for a in np.arange(6) * np.pi / 3]
    probe = fine_grid.wave(frame, c["kind"], c["size"], c["curve"])
    slices = np.exp((1j - c["absorb"]) * np.array(v))
    expected = fine_grid.far_fields(slices, [probe], places, 25.0, points) * c["dose"]
    if misfit == "spread":
        expected = gaussian_filter(expected, (0, 0.8, 0.8))
    if misfit == "background":
        slope = np.linspace(0.5, 1.5, frame)
        expected = expected + 0.08 * c["dose"] / frame**2 * slope[:, None] * slope[::-1]
    counts = rng.poisson(expected).astype(np.uint32)
    scale = 1.03 if misfit == "pixel" else 1.0
    told = places * scale + (rng.normal(0, 1.0, places.shape) if misfit == "positions" else 0)
    told -= told.min(axis=0)
    curve = c["curve"] * (rng.choice([0.7, 1.3]) if misfit == "defocus" else 1.0)
    start = fine_grid.wave(frame, c["kind"], c["size"] / scale, curve, 1) * np.sqrt(counts.sum(axis=(1, 2)).mean())
    data = pg.make_dataset(counts, told, probe=start.astype(np.complex64))
    return data, fine_grid.truth(np.sum(v, axis=0), c["absorb"], scale), told


def ended(c: dict, data: pg.Dataset, truth: np.ndarray, told: np.ndarray, batch, epochs: int) -> dict:
    """What a run of the command line ends with; a batch of None is the default."""
    size = data.count if batch == "all" else batch and min(batch, data.count)
    run = pg.Plan(fit={"epochs": epochs, "batch_size": size}).make_run(data)
    result = pg.perform(run)
    there = fine_grid.placed(truth, result.object.shape, result.corners[0] - np.round(told[0]).astype(int))
    where = fine_grid.lit(result.object.shape, result.corners, result.probe)
    correlation, blurred, by = fine_grid.registered(result.object, there, where)
    lattice = None
    if c["scan"] == "raster":
        step = EXTENT / np.ptp(fine_grid.raster(round(data.count**0.5), c["turn"])[:, 0])
        lattice_of = {"kind": "raster", "step": step * (1.03 if c["misfit"] == "pixel" else 1), "turn": c["turn"]}
        lattice = round(errors(result, np.roll(truth, by, (0, 1)), told, lattice_of)[0], 3)
    verdict, found = result.settings["verdict"], pg.fitting.raster_artefact(result)
    return {
        "batch": batch or "default",
        "r": round(pg.r_factor(result.model, data), 5),
        "chi_squared": round(verdict["chi_squared"], 3),
        "verdict": verdict["code"],
        "causes": [cause["code"] for cause in verdict["causes"]],
        "figures": None if found is None else [round(float(x), 4) for x in found[:4]],
        "lattice": lattice,
        "correlation": round(correlation, 3),
        "blurred": round(blurred, 3),
        "solver": result.settings["solver"].split(",")[0],
        "batch_size": result.settings["batch_size"],
        "warned": bool(size and run.solver.doubts_batch(size, data)),
        "seconds": round(sum(result.history.seconds[1:]), 2),
    }


def cases(first: int, good: int) -> list[tuple[dict, tuple]]:
    """All cases, each with the batches it is run with."""
    wrong = [(drawn(m, s, d, first), BATCHES) for m in MISFITS for s in SCANS for d in DOSES]
    right = [drawn("none", SCANS[k % 3], (3e4, 2e5, 1e6)[k // 3 % 3], first + k) for k in range(good)]
    return wrong + [(c, (None,)) for c in right]


def key(row: dict) -> tuple:
    return tuple(row[name] for name in ("misfit", "scan", "dose", "seed", "batch"))


def table(rows: list[dict]) -> str:
    """What was found, in Markdown."""
    groups: dict[tuple, dict] = {}
    for row in rows:
        groups.setdefault(key(row)[:4], {})[row["batch"]] = row
    lines = ["| misfit | scan | photons | default: R, correlation, verdict | R, correlation at 4, 16, 64, all | |"]
    lines += ["|---|---|---|---|---|---|"]
    kept, silent, whole = 0, [], [g for g in groups.values() if len(g) == len(BATCHES)]
    for runs in whole:
        mine, others = runs["default"], [runs[b] for b in BATCHES[1:]]
        best = min(run["r"] for run in others)
        is_kept = mine["r"] <= WITHIN * best and not has_lattice(mine)
        is_told = mine["verdict"] == "not_solved"
        kept += is_kept
        silent += [key(mine)] if not is_kept and not is_told else []
        what = "" if is_kept else "lattice" if has_lattice(mine) else f"R {mine['r'] / best:.2f} x the best"
        texts = [f"{run['r']:.4f}, {run['correlation']:.2f}{' L' * has_lattice(run)}" for run in others]
        lines.append(
            f"| {mine['misfit']} | {mine['scan']} | {mine['dose']:.0e} | {mine['r']:.4f}, {mine['correlation']:.2f}, "
            f"{mine['verdict']}{' (lattice)' * ('lattice' in mine['causes'])} | {' / '.join(texts)} | {what} |"
        )
    right = [g["default"] for g in groups.values() if "default" in g and g["default"]["misfit"] == "none"]
    good = [row for row in right if row["correlation"] > GOOD]
    alarms = [row for row in good if "lattice" in row["causes"]]
    lines += ["", f"{kept} of {len(whole)} default runs without a lattice and within {WITHIN} of the best R; of the "]
    lines[-1] += f"others {len(silent)} are not told: {silent}. {len(right)} right ones, {len(good)} good (correlation "
    lines[-1] += f"above {GOOD}): {len(alarms)} with the cause lattice, "
    lines[-1] += f"{sum(row['verdict'] == 'not_solved' for row in good)} not_solved."
    return "\n".join(lines)


def has_lattice(row: dict) -> bool:
    """Whether the scan's lattice is there: in what is wrong with the object, or as the verdict has it."""
    return "lattice" in row["causes"] or (row["lattice"] or 0) > LATTICE


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--good", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument(
        "--only", default="", help='misfit, scan and photons, or a part of it, as "spread raster 2e+03"'
    )
    parser.add_argument("--side", type=int, default=SIDE, help="positions along each side")
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.file.read_text().splitlines()] if given.file.exists() else []
    if given.table:
        print(table(rows))
        return
    done = {key(row) for row in rows}
    for c, batches in cases(given.first, given.good):
        left = [batch for batch in batches if key(c | {"batch": batch or "default"}) not in done]
        if not left or given.only not in f"{c['misfit']} {c['scan']} {c['dose']:.0e}":
            continue
        data, truth, told = measured(c, given.side)
        for batch in left:
            row = c | ended(c, data, truth, told, batch, given.epochs)
            with given.file.open("a") as file:
                print(json.dumps(row), file=file)
            print(f"{key(row)}: R {row['r']:.4f}, {row['correlation']:.3f}, {row['verdict']}", flush=True)


if __name__ == "__main__":
    main()
