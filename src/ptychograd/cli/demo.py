"""`ptychograd demo`: the main job on data that it makes itself, to a picture and a number."""

from pathlib import Path

from ptychograd.cli.console import output
from ptychograd.cli.files import drawn, working_folder
from ptychograd.runs.plan.plan import Plan


def demo(folder: Path = Path("demo"), /) -> None:
    """Simulate the paper's far-field experiment, reconstruct it, compare it with the truth and draw it.

    Args:
        folder: Where the data, the result and the picture go.
    """
    from ptychograd.cli.engine import prepare
    from ptychograd.cli.job import run
    from ptychograd.data.files import DATASET, RESULT, read, require_replaceable, write
    from ptychograd.output.plot import overview
    from ptychograd.paper.far_field import FarFieldExperiment
    from ptychograd.quality.comparison import compare_with_truth
    from ptychograd.runs.folders import make_folder

    make_folder(folder)
    prepare()
    data, result, picture = folder / "data.h5", folder / "result.h5", folder / "result.png"
    require_replaceable(data, DATASET, "truth/object")
    require_replaceable(result, RESULT)
    overview.require_place(picture)
    output.print("Simulating 484 diffraction patterns with 1e6 photons in the probe (Kandel et al. 2019, section 3.3).")
    write(working_folder() / data, FarFieldExperiment().dataset())
    found = run(Plan(data={"paths": str(data)}, output={"result": str(result)}))
    figures = compare_with_truth(found, read(working_folder() / data))
    output.print(
        f"NRMSE against the truth: object {figures['object_nrmse']:.4f}, probe {figures['probe_nrmse']:.4f} "
        "(the paper: 0.03 and 0.02)."
    )
    drawn(overview.summary(found), picture)
