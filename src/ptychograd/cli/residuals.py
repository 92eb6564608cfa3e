"""`ptychograd residuals`: which patterns and which detector pixels a result does not explain."""

from pathlib import Path

from ptychograd.cli.console import output as console
from ptychograd.cli.console import tell_json
from ptychograd.cli.options import Json, MachineOptions, Output, TrustModel, applied
from ptychograd.cli.pictures import drawn, require_picture
from ptychograd.cli.placed import leave_unless_there, working_folder
from ptychograd.core.errors import InputError
from ptychograd.runs.setting_names import FINGERPRINT


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
    from ptychograd.output.plot.residuals import figure_of_residuals
    from ptychograd.output.texts.residuals import residual_figures, residual_lines
    from ptychograd.quality.residual_maps import residuals
    from ptychograd.runs.machine import in_file
    from ptychograd.runs.origins import found_data
    from ptychograd.runs.resuming import stored_plan

    found = load(result)
    plan = stored_plan(result, found, trust_model)
    files = data or found_data(result, found.settings)
    fresh = {"machine": {"precision": plan.machine.precision}, "data.paths": [str(path) for path in files]}
    plan = applied(plan.with_fields(fresh), options)
    start(plan.machine)
    picture, folder = output or result.with_name(f"{result.stem}_residuals.png"), working_folder()
    require_picture(picture)
    measured = plan.read(in_file(plan.machine))
    if measured.fingerprint != found.settings[FINGERPRINT]:
        raise InputError(
            f"{', '.join(map(str, files))} holds other data than {result} was made from; name the right file."
        )
    run = plan.make_run(measured)
    left = residuals(found.onto(run.model), measured, run.stages[-1].noise)
    for text in residual_lines(left):
        console.print(text, soft_wrap=True)
    where = drawn(figure_of_residuals(left, measured), picture, folder)
    if json:
        tell_json(residual_figures(left))
    leave_unless_there(where)
