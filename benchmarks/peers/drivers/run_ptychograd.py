"""This package: what `reconstruct` does, its solver alone, and rPIE; nothing is tuned to the sets of this benchmark."""

import contextlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "src"))

from common import grown, main

import ptychograd as pg

SETTINGS = {
    "as `reconstruct` does": None,
    "Nesterov, batch 16": (pg.Nesterov(), 16),
    "Nesterov, all at once": (pg.Nesterov(), 10**9),
    "rPIE 0.1, batch 16": (pg.PIE(0.1), 16),
}


class Enough(Exception):
    """The record has all that it wants."""


def made(problem, setting, epochs):
    """The run of a setting: that of a plan that says its epochs alone, or of one solver with batches of a size."""
    data, hold = pg.make_dataset(problem.patterns, problem.positions, probe=problem.probe), int(problem.hold)
    if setting is None:
        said = {"hold_probe": hold} if hold else {}
        return pg.Plan(fit={"epochs": epochs, **said}, model={"probe": {"modes": len(problem.probe)}}).make_run(data)
    solver, batch = setting
    model = pg.far_field(data, object=lambda shape: grown(problem.object, shape), probe=problem.probe)
    stages = (pg.Stage(hold, ("object",)),) * (hold > 0) + (pg.Stage(epochs - hold),)
    return pg.Run(model, data, solver, stages, min(batch, data.count))


def run(problem, setting, record):
    def on_epoch(progress):
        def state():
            result = progress.so_far()
            return grown(result.object, problem.object.shape), result.probe

        if not record(state):
            raise Enough

    with contextlib.suppress(Enough):
        pg.perform(made(problem, setting, record.epochs), on_epoch)


if __name__ == "__main__":
    main(SETTINGS, run, pg.__version__)
