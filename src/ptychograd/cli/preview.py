"""`--preview`: a coarse reconstruction of a part of the scan, which shows soon what is coming."""

from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.cli.console import errors, output, tell_json
from ptychograd.cli.pictures import drawn, require_picture
from ptychograd.cli.placed import leave_unless_there, working_folder
from ptychograd.core.errors import InputError
from ptychograd.runs.plan.plan import Plan

if TYPE_CHECKING:
    from ptychograd.fitting.result import Result

EPOCHS = 30  # for which `preview_of` chooses a part of the data
NOT_IN_IT: dict[str, object] = {
    "fit.stages": (),
    "fit.solver": {"kind": "nesterov"},
    "fit.batch_size": None,
    "fit.refine": (),
    "fit.refine_after": None,
    "validation.hold_out": 0.0,
}


def preview(plan: Plan, json: bool = False) -> "Result":
    """Reconstruct coarsely, with object and probe alone, and draw what came of it; nothing else is kept."""
    from ptychograd.cli.job import figures, read_data
    from ptychograd.cli.machine import devices, in_file, start
    from ptychograd.cli.progress import EpochBar
    from ptychograd.data.preview import preview_of
    from ptychograd.output.plot import summary
    from ptychograd.output.texts.verdicts import verdict_line
    from ptychograd.runs.planned import PlannedRun

    if plan.data.follow:
        raise InputError("A preview is of a scan that is complete; leave `data.follow` out.")
    if not plan.data.paths:
        raise InputError("No data: name a file, or give it in the plan as `data.paths`.")
    start(plan.machine)
    plan.check()
    named = plan.output.result or f"{stem_of(plan.data.paths[0])}_result.h5"
    picture, folder = Path(named).with_name(f"{Path(named).stem.removesuffix('_result')}_preview.png"), working_folder()
    require_picture(picture)
    part, note = preview_of(read_data(plan, in_file(plan.machine)))
    errors.print(note, style="dim", soft_wrap=True)
    epochs = plan.fit.epochs if isinstance(plan.fit.epochs, int) else EPOCHS
    short = plan.with_fields({**NOT_IN_IT, "fit.epochs": min(epochs, EPOCHS)})
    with EpochBar() as bar:
        result = PlannedRun.of(short, part, devices(plan.machine)).perform(bar.advance)
    where = drawn(summary(result), picture, folder)
    output.print(f"preview: R = {result.r_factor:.4f} after {result.history.epochs} epochs", soft_wrap=True)
    if line := verdict_line(result):
        output.print(line, soft_wrap=True)
    if json:
        tell_json(figures(result))
    leave_unless_there(where)
    return result
