"""`ptychograd residuals`: which patterns and which detector pixels a result does not explain."""

from pathlib import Path

import ptychograd as pg
from ptychograd.cli import engine
from ptychograd.cli.console import say, tell_json
from ptychograd.cli.files import drawn
from ptychograd.cli.options import Json, MachineOptions, Output, ResultFile, TrustModel, applied
from ptychograd.output import texts


def residuals(
    result: ResultFile,
    data: list[Path] | None = None,
    /,
    *,
    output: Output = None,
    trust_model: TrustModel = False,
    options: MachineOptions = MachineOptions(),
    json: Json = False,
) -> None:
    """Show what a result leaves of every pattern and of every detector pixel.

    Args:
        data: The data file, if it is elsewhere now.
        output: The picture; RESULT_residuals.png beside the result by default.
    """
    from ptychograd.runs.resuming import plan_again, read_again

    found = pg.load(result)
    plan = applied(plan_again(result, found, data or (), trust_model), options)
    engine.start(plan.machine)
    picture = output or result.with_name(f"{result.stem}_residuals.png")
    pg.plot.require_place(picture)
    measured = read_again(result, found, plan)
    run = plan.make_run(measured)
    left = pg.quality.residuals(found.onto(run.model), measured, run.stages[-1].noise)
    say(*texts.residual_lines(left))
    drawn(pg.plot.figure_of_residuals(left, measured), picture)
    tell_json(texts.residual_figures(left), json)
