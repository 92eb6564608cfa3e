"""This package: the default, all patterns at once, and rPIE; nothing is tuned to the sets of this benchmark."""

import contextlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "src"))

from common import grown, main

import ptychograd as pg

SETTINGS = {
    "Nesterov, batch 16": (pg.Nesterov(), 16),
    "Nesterov, all at once": (pg.Nesterov(), 10**9),
    "rPIE 0.1, batch 16": (pg.PIE(0.1), 16),
}


class Enough(Exception):
    """The record has all that it wants."""


def run(problem, setting, record):
    solver, batch = setting
    data = pg.make_dataset(problem.patterns, problem.positions, probe=problem.probe)
    model = pg.far_field(data, object=lambda shape: grown(problem.object, shape), probe=problem.probe)

    def on_epoch(progress):
        def state():
            result = progress.so_far()
            return grown(result.object, problem.object.shape), result.probe

        if not record(state):
            raise Enough

    hold = int(problem.hold)
    stages = (pg.Stage(hold, ("object",)),) * (hold > 0) + (pg.Stage(record.epochs - hold),)
    with contextlib.suppress(Enough):
        pg.perform(pg.Run(model, data, solver, stages, min(batch, data.count)), on_epoch)


if __name__ == "__main__":
    main(SETTINGS, run, pg.__version__)
