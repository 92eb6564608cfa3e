"""`--preview`: a coarse reconstruction of a part of the scan, which shows soon what is coming."""

from typing import TYPE_CHECKING

from ptychograd.cli.console import errors, output, tell_json
from ptychograd.cli.pictures import drawn, require_picture
from ptychograd.cli.placed import leave_unless_there, working_folder
from ptychograd.core.errors import InputError
from ptychograd.runs.plan.plan import Plan

if TYPE_CHECKING:
    from ptychograd.fitting.result import Result


def preview(plan: Plan, json: bool = False) -> "Result":
    """Reconstruct coarsely, with object and probe alone, and draw what came of it; nothing else is kept."""
    from ptychograd.cli.job import read_data
    from ptychograd.cli.machine import start
    from ptychograd.cli.progress import EpochBar
    from ptychograd.data.preview import preview_of
    from ptychograd.output.plot import summary
    from ptychograd.output.texts.runs import run_figures
    from ptychograd.output.texts.verdicts import verdict_line
    from ptychograd.runs.job import result_path
    from ptychograd.runs.machine import devices, in_file
    from ptychograd.runs.planned import PlannedRun
    from ptychograd.runs.preview import preview_plan

    short = preview_plan(plan)
    if not plan.data.paths:
        raise InputError("No data: name a file, or give it in the plan as `data.paths`.")
    start(plan.machine)
    plan.check()
    named, folder = result_path(plan), working_folder()
    picture = named.with_name(f"{named.stem.removesuffix('_result')}_preview.png")
    require_picture(picture)
    part, note = preview_of(read_data(plan, in_file(plan.machine)))
    errors.print(note, style="dim", soft_wrap=True)
    with EpochBar() as bar:
        result = PlannedRun.of(short, part, devices(plan.machine)).perform(bar.advance)
    where = drawn(summary(result), picture, folder)
    output.print(f"preview: R = {result.r_factor:.4f} after {result.history.epochs} epochs", soft_wrap=True)
    if line := verdict_line(result):
        output.print(line, soft_wrap=True)
    if json:
        tell_json(run_figures(result))
    leave_unless_there(where)
    return result
