"""`--preview`: a coarse reconstruction of a part of the scan, which shows soon what is coming."""

import ptychograd as pg
from ptychograd.cli import engine
from ptychograd.cli.console import heard, note, say, tell_json
from ptychograd.cli.files import drawn, leave_unless_there
from ptychograd.cli.progress import EpochBar
from ptychograd.output import texts


def preview(plan: pg.Plan, json: bool = False) -> "pg.Result":
    """Reconstruct coarsely, with object and probe alone, and draw what came of it; nothing else is kept."""
    from ptychograd.runs.machine import devices, in_file
    from ptychograd.runs.preview import picture_of, preview_plan

    short, picture = preview_plan(plan), picture_of(plan)
    engine.start(plan.machine)
    plan.check()
    pg.plot.require_place(picture)
    with heard():
        data = plan.read(in_file(plan.machine))
    part, about = pg.data.preview_of(data)
    note(about)
    with EpochBar() as bar:
        result = pg.runs.PlannedRun.of(short, part, devices(plan.machine)).perform(bar.advance)
    where = drawn(pg.plot.summary(result), picture)
    say(*texts.preview_lines(result))
    tell_json(texts.run_figures(result), json)
    leave_unless_there(where)
    return result
