"""`ptychograd reproduce`: the paper's figures, with its numbers beside ours."""

from typing import Annotated, Literal

from cyclopts import Parameter

from ptychograd.cli import engine
from ptychograd.cli.console import archived_when_interrupted, say
from ptychograd.cli.files import placed, working_folder
from ptychograd.cli.options import Output
from ptychograd.cli.progress import ShareBar


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
    from ptychograd.paper.reproducing import begun_folder, reproduced, write

    engine.prepare()
    folder = begun_folder(figure, quick, output)
    with archived_when_interrupted(folder), ShareBar(figure) as bar:
        report = reproduced(figure, working_folder() / folder, quick, bar.advance)
    where = placed(lambda path: write(report, path, figure), folder)
    say(report.text, f"Picture and numbers in {where}: {figure}.png, .txt, .json, .csv")
