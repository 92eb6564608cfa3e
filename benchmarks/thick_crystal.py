"""A thick crystal in four slices at high dose: the default beside batches of sizes that are said.

    python -m benchmarks.thick_crystal [--seeds 1 2] [--batches 8 16 32 96 all] [--json FILE]

Columns of atoms on a grid twice as fine as the reconstruction's (`fine_grid`, which shares no code with the package):
a square lattice of projected potentials, a column of its own strength in every slice, a few of them missing.
The constants were chosen on seed 0 so that batches of 16 find it and batches of 96 do not, other seeds judge. The
reconstruction is told of four slices and of how far apart they are, and starts with the beam a little out of focus and
a flat object; the runs are those of the command line, 60 epochs. Judged is the product of the slices against the truth.
"""

import argparse
import json
import warnings

import numpy as np

import ptychograd as pg
from benchmarks import fine_grid

WAVELENGTH, PIXEL = 1.97e-12, 2e-11  # metres: 300 kV
FRAME, SLICES = 64, 4


def columns(shape: tuple[int, int], lattice: float, turn: float, width: float, rng: np.random.Generator) -> np.ndarray:
    """Potentials (slice, Y, X) on the fine grid, of columns with a Gaussian of `width` pixels and height 1."""
    rows, cols = (fine_grid.FINER * n for n in shape)
    reach = int(1.5 * max(shape) / lattice)
    i = np.stack(np.meshgrid(*(np.arange(-reach, reach),) * 2, indexing="ij"), -1).reshape(-1, 2)
    t = np.deg2rad(turn)
    places = fine_grid.FINER * (i @ np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]]) * lattice)
    places += np.array([rows, cols]) / 2
    places = places[((places > 0) & (places < (rows, cols))).all(axis=1)]
    y, x, sigma = np.arange(rows), np.arange(cols), fine_grid.FINER * width
    found = np.zeros((SLICES, rows, cols))
    for one in found:
        for a, b in places:
            height = rng.uniform(0.6, 1.4) * (rng.uniform() > 0.08)
            a, b = np.array([a, b]) + rng.normal(0, 0.3 * fine_grid.FINER, 2)
            one += height * np.exp(-((y - a) ** 2) / (2 * sigma**2))[:, None] * np.exp(-((x - b) ** 2) / (2 * sigma**2))
    return found


def measured(seed: int, given) -> tuple[pg.Dataset, np.ndarray, np.ndarray]:
    """The data, the slices of the truth on the pixels of the reconstruction, and positions in these."""
    rng = np.random.default_rng([seed, 4])
    places = fine_grid.scan("raster", given.side, given.step, given.turn, rng)
    shape = tuple(np.ceil(places.max(axis=0)).astype(int) + FRAME + 4)
    v = given.strength / SLICES * columns(shape, given.lattice, 11.0, 1.3, rng)
    probe = fine_grid.wave(FRAME, "disc", 0.21, given.curve)
    expected = fine_grid.far_fields(np.exp(1j * v), [probe], places, given.bend) * given.dose
    counts = rng.poisson(expected).astype(np.uint32)
    start = fine_grid.wave(FRAME, "disc", 0.21, given.curve * given.off, 1) * np.sqrt(counts.sum(axis=(1, 2)).mean())
    lengths = pg.Geometry(WAVELENGTH, PIXEL * FRAME * 55e-6 / WAVELENGTH, (55e-6, 55e-6))
    data = pg.make_dataset(counts, places * PIXEL, geometry=lengths, probe=start.astype(np.complex64))
    return data, np.array([fine_grid.truth(one, 0.0) for one in v]), places


def ended(data: pg.Dataset, truth: np.ndarray, places: np.ndarray, batch, given) -> dict:
    """What a run of the command line ends with; a batch of None is the default."""
    distance = given.bend * PIXEL**2 / (np.pi * WAVELENGTH)
    size = data.count if batch == "all" else None if batch is None else int(batch)
    thick = {"slices": SLICES, "slice_distance": distance}
    plan = pg.Plan(fit={"epochs": given.epochs, "batch_size": size}, model={"object": thick})
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = pg.perform(plan.make_run(data))
    at = result.corners[0] - np.round(places[0]).astype(int)
    found, there = np.prod(result.object, axis=0), fine_grid.placed(np.prod(truth, axis=0), result.object.shape[1:], at)
    where = fine_grid.lit(found.shape, result.corners, result.probe)
    correlation, _, by = fine_grid.registered(found, there, where)
    each = [np.roll(fine_grid.placed(one, found.shape, at), by, (0, 1)) for one in truth]
    verdict = result.settings["verdict"]
    return {
        "batch": batch or "default",
        "r": round(pg.r_factor(result.model, data), 4),
        "chi_squared": round(verdict["chi_squared"], 3),
        "verdict": verdict["code"],
        "causes": [cause["code"] for cause in verdict["causes"]],
        "correlation": round(correlation, 3),
        "slices": [round(fine_grid.alike(a, b, where), 2) for a, b in zip(result.object, each, strict=True)],
        "solver": result.settings["solver"].split(",")[0],
        "batch_size": result.settings["batch_size"],
        "warned": any("Batches of" in str(one.message) for one in said),
        "seconds": round(sum(result.history.seconds[1:]), 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batches", nargs="*", default=["8", "16", "32", "96", "all"])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--side", type=int, default=16, help="positions along each side")
    parser.add_argument("--step", type=float, default=4.0, help="pixels")
    parser.add_argument("--turn", type=float, default=0.0, help="degrees of the scan")
    parser.add_argument("--lattice", type=float, default=6.0, help="pixels between columns")
    parser.add_argument("--strength", type=float, default=8.0, help="radians of a column in all slices together")
    parser.add_argument("--bend", type=float, default=80.0, help="pi wavelength distance / pixel^2 between slices")
    parser.add_argument("--curve", type=float, default=10.0, help="radians of defocus at the rim of the pupil")
    parser.add_argument("--off", type=float, default=0.7, help="defocus of the start over that of the beam")
    parser.add_argument("--dose", type=float, default=1e6, help="electrons a pattern")
    parser.add_argument("--json")
    given, rows = parser.parse_args(), []
    print("| seed | batch | R | χ² | verdict | correlation | of each slice | solver at the end, batch | warned | s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for seed in given.seeds:
        data, truth, places = measured(seed, given)
        known: dict[str, dict] = {}
        for batch in (None, *given.batches):
            row = known.get(str(batch)) or ended(data, truth, places, batch, given)
            if row["solver"] == "Nesterov":  # then a default is the run whose batch it has
                known[str(row["batch_size"])] = row | {"batch": row["batch_size"]}
            rows.append(row := {"seed": seed} | row)
            print(
                f"| {seed} | {row['batch']} | {row['r']:.4f} | {row['chi_squared']:.2f} | {row['verdict']} | "
                f"{row['correlation']:.3f} | {', '.join(f'{c:.2f}' for c in row['slices'])} | {row['solver']}, "
                f"{row['batch_size']} | {'yes' * row['warned']} | {row['seconds']} |",
                flush=True,
            )
            if given.json:
                with open(given.json, "w") as file:
                    json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
