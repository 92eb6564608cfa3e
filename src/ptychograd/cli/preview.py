"""`--preview`: a coarse reconstruction of a part of the scan, which shows soon what is coming."""

from typing import TYPE_CHECKING

from ptychograd.cli.console import heard, note, say, tell_json
from ptychograd.cli.files import drawn, leave_unless_there
from ptychograd.runs.plan.plan import Plan

if TYPE_CHECKING:
    from ptychograd.fitting.result import Result


def preview(plan: Plan, json: bool = False) -> "Result":
    """Reconstruct coarsely, with object and probe alone, and draw what came of it; nothing else is kept."""
    from ptychograd.cli.machine import start
    from ptychograd.cli.progress import EpochBar
    from ptychograd.data.preview import preview_of
    from ptychograd.output.plot import overview
    from ptychograd.output.texts.runs import preview_lines, run_figures
    from ptychograd.runs.machine import devices, in_file
    from ptychograd.runs.planned import PlannedRun
    from ptychograd.runs.preview import picture_of, preview_plan

    short, picture = preview_plan(plan), picture_of(plan)
    start(plan.machine)
    plan.check()
    overview.require_place(picture)
    with heard():
        data = plan.read(in_file(plan.machine))
    part, about = preview_of(data)
    note(about)
    with EpochBar() as bar:
        result = PlannedRun.of(short, part, devices(plan.machine)).perform(bar.advance)
    where = drawn(overview.summary(result), picture)
    say(*preview_lines(result))
    if json:
        tell_json(run_figures(result))
    leave_unless_there(where)
    return result
