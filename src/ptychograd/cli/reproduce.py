"""`ptychograd reproduce`: the paper's figures, with its numbers beside ours."""

import importlib
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ptychograd.cli.console import archived_when_interrupted
from ptychograd.cli.console import output as console
from ptychograd.cli.options import Output
from ptychograd.cli.placed import leave_unless_there, placed, working_folder


def reproduce(
    figure: Literal["fig2", "fig3", "fig4", "fig6"],
    /,
    *,
    quick: Annotated[bool, Parameter(negative="")] = False,
    output: Output = None,
) -> None:
    """Run an experiment of the paper and write its figure, all numbers, and a table beside the paper's.

    Interrupted, it goes on from the finished runs when it is called again.

    Args:
        figure: fig2 (ePIE, AD-ePIE and Adam; a minute and a half), fig3 (a grid of step sizes; 40 minutes), fig4 (near
            field; two to three minutes) or fig6 (Bragg, in three dimensions; ten minutes).
        quick: A smaller version in less than two minutes; the table says what was left out.
        output: The folder to write to; reproduced/FIGURE or reproduced/FIGURE-quick by default.
    """
    from ptychograd.cli.engine import prepare
    from ptychograd.cli.progress import ShareBar
    from ptychograd.runs.folders import prepare_folder

    prepare()
    experiment = importlib.import_module(f"ptychograd.paper.{figure}")
    reporting = importlib.import_module("ptychograd.paper.report")
    folder, start = output or Path("reproduced") / (figure + "-quick" * quick), working_folder()
    prepare_folder(folder, [f"{figure}{ending}" for ending in (".txt", ".json", ".csv")], [f"{figure}.png"])
    with archived_when_interrupted(folder), ShareBar(figure) as bar:
        report = experiment.reproduce(reporting.Place(start / folder, quick, bar.advance))
    where = placed(lambda path: reporting.write(report, path, figure), folder, start)
    console.print(report.text, soft_wrap=True)
    console.print(f"Picture and numbers in {where}: {figure}.png, .txt, .json, .csv", soft_wrap=True)
    leave_unless_there(where)
