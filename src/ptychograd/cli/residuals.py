"""`ptychograd residuals`: which patterns and which detector pixels a result does not explain."""

from pathlib import Path

from ptychograd.cli.console import say, tell_json
from ptychograd.cli.files import drawn
from ptychograd.cli.options import Json, MachineOptions, Output, TrustModel, applied


def residuals(
    result: Path,
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
        result: What `reconstruct` wrote.
        data: The data file, if it is elsewhere now.
        output: The picture; RESULT_residuals.png beside the result by default.
    """
    from ptychograd.cli.machine import start
    from ptychograd.fitting.result import load
    from ptychograd.output.plot import overview
    from ptychograd.output.plot.residuals import figure_of_residuals
    from ptychograd.output.texts.residuals import residual_figures, residual_lines
    from ptychograd.quality.residual_maps import residuals
    from ptychograd.runs.resuming import plan_again, read_again

    found = load(result)
    plan = applied(plan_again(result, found, data or (), trust_model), options)
    start(plan.machine)
    picture = output or result.with_name(f"{result.stem}_residuals.png")
    overview.require_place(picture)
    measured = read_again(result, found, plan)
    run = plan.make_run(measured)
    left = residuals(found.onto(run.model), measured, run.stages[-1].noise)
    say(*residual_lines(left))
    drawn(figure_of_residuals(left, measured), picture)
    if json:
        tell_json(residual_figures(left))
