"""`ptychograd auto` on instruments that nothing was said of, beside the true start with the best options.

    python benchmarks/auto.py [--seeds 0 1 2] [--only NAME ...] [--without STEP] [--table FILE]

Seeds from 100 on were used while the search was written and its constants were chosen, those below not before the table
in docs/auto.md was made. An image is right where the correlation of its phase with the truth is at least 0.97 of that
which the true start reaches with the best options; that is looked for where the correlation is below 0.97. `--without`
leaves a step out.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np

import ptychograd as pg

if __package__:
    from benchmarks.instruments import INSTRUMENTS, Scan, simulate
    from benchmarks.registration import correlation_of
else:
    from instruments import INSTRUMENTS, Scan, simulate
    from registration import correlation_of

RIGHT = 0.97
FULL = 6e4  # counts of a hot pixel
STEPS = {  # what stands in place of a step that is left out
    "shadows": ("ptychograd.automatic.start.search.shadows_of", lambda data: None),
    "missing": ("ptychograd.automatic.auto.look_for_missing", lambda state, *rest: state),
    "prepare": ("ptychograd.automatic.auto.guess_preparation", lambda *rest: ()),
    "photons": ("ptychograd.automatic.auto.evidence_at_few_photons", lambda plan, *rest: (plan, (), ())),
}


def written(scan: Scan, folder: Path, patterns: np.ndarray | None = None) -> str:
    """A file as the instrument writes it."""
    path = folder / "scan.npz"
    lengths = {"wavelength": scan.wavelength, "distance": scan.distance, "pixel_size": scan.pixel_size}
    np.savez(path, patterns=scan.patterns if patterns is None else patterns, positions=scan.positions, **lengths)
    return str(path)


def correlation(scan: Scan, result: pg.Result) -> float:
    """Of the image with the truth."""
    window = result.probe.shape[1:]
    return correlation_of(scan, result.object, result.sampling[0], np.asarray(result.corners), window)


def best_possible(scan: Scan, folder: Path) -> float:
    """Correlation that the true start reaches with the best options."""
    best, patterns = dict(scan.best), scan.patterns
    centre = best.pop("centre", None)
    if centre is not None:
        patterns = np.roll(np.where(patterns > FULL, 0, patterns), [-step for step in centre], axis=(1, 2))
    plan = pg.Plan(data={"paths": written(scan, folder, patterns)}, model={"start": {"probe": scan.probe}})
    return correlation(scan, plan.with_fields(best).run())


def row(name: str, seed: int, folder: Path) -> dict:
    """What `auto` makes of an instrument, and what the true start would."""
    scan = simulate(name, seed)
    path, begin, worked = written(scan, folder), time.perf_counter(), time.process_time()
    result = pg.auto(path)
    seconds, worked = time.perf_counter() - begin, time.process_time() - worked
    reached = correlation(scan, result)
    possible = best_possible(scan, folder) if reached < RIGHT else None
    return {
        "name": name,
        "seed": seed,
        "correlation": round(reached, 4),
        "possible": possible and round(possible, 4),
        "right": bool(possible is None or reached >= RIGHT * possible),
        "chi_squared": round(result.history.chi_squared[-1], 3),
        "verdict": result.settings["verdict"]["code"],
        "seconds": round(seconds),
        "processor_seconds": round(worked),
        "notes": result.settings["auto"]["notes"],
    }


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked.add_argument("--only", nargs="+", default=list(INSTRUMENTS))
    asked.add_argument("--without", choices=list(STEPS))
    asked.add_argument("--table", type=Path)
    given = asked.parse_args()
    rows = []
    for seed in given.seeds:
        for name in given.only:
            with tempfile.TemporaryDirectory() as folder:
                if given.without:
                    with mock.patch(*STEPS[given.without]):
                        rows.append(row(name, seed, Path(folder)))
                else:
                    rows.append(row(name, seed, Path(folder)))
            print(json.dumps(rows[-1]), flush=True)
            if given.table:
                given.table.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
