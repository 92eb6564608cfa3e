"""`ptychograd demo`: the main job on data that it makes itself, to a picture and a number."""

from pathlib import Path

import ptychograd as pg
from ptychograd.cli import engine
from ptychograd.cli.auto import run
from ptychograd.cli.console import say
from ptychograd.cli.files import drawn, working_folder


def demo(folder: Path = Path("demo"), /) -> None:
    """Simulate the paper's far-field experiment, reconstruct it as `auto` does, compare it with the truth and draw it.

    Args:
        folder: Where the data, the result and the picture go.
    """
    from ptychograd.data.files import DATASET, RESULT, require_replaceable
    from ptychograd.paper.far_field import FarFieldExperiment
    from ptychograd.runs.folders import make_folder

    make_folder(folder)
    engine.prepare()
    data, result, picture = folder / "data.h5", folder / "result.h5", folder / "result.png"
    require_replaceable(data, DATASET, "truth/object")
    require_replaceable(result, RESULT)
    pg.plot.require_place(picture)
    say("Simulating 484 diffraction patterns with 1e6 photons in the probe (Kandel et al. 2019, section 3.3).")
    pg.write(working_folder() / data, FarFieldExperiment().dataset())
    found = run(pg.Plan(data={"paths": str(data)}, output={"result": str(result)}))
    figures = pg.quality.compare_with_truth(found, pg.read(working_folder() / data))
    say(
        f"NRMSE against the truth: object {figures['object_nrmse']:.4f}, probe {figures['probe_nrmse']:.4f} "
        "(the paper: 0.03 and 0.02)."
    )
    drawn(pg.plot.summary(found), picture)
