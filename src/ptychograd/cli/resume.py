"""`ptychograd resume`: from a result to the end of its run, or to more epochs."""

from pathlib import Path

from ptychograd.cli.console import heard, tell_json
from ptychograd.cli.console import output as console
from ptychograd.cli.options import Json, OptionalWhole, Output, ResumeOptions, TrustModel, applied
from ptychograd.runs.setting_names import HELD_OUT


def resume(
    result: Path,
    /,
    *,
    epochs: OptionalWhole = None,
    data: list[Path] | None = None,
    output: Output = None,
    trust_model: TrustModel = False,
    options: ResumeOptions = ResumeOptions(),
    json: Json = False,
) -> None:
    """Go on with a run that was interrupted, bit for bit as if it had not been (on a CPU, with as many devices).

    Its plan is that of the run; so are devices and memory, unless others are given.

    Args:
        result: What `reconstruct` wrote; a checkpoint will do.
        epochs: The epochs of the whole run, in place of those that were planned; a finished run goes on, too.
        data: The data file, if it is elsewhere now; of several, all in their order.
        output: The result file; RESULT by default.
    """
    from ptychograd.cli.job import run
    from ptychograd.data.files import RESULT, require_replaceable
    from ptychograd.fitting.result import load
    from ptychograd.output.texts.runs import run_figures
    from ptychograd.runs.job import note_replaced
    from ptychograd.runs.origins import found_data
    from ptychograd.runs.progress import RunProgress
    from ptychograd.runs.resuming import fields_of_first_part, stored_plan

    begun = load(result)
    plan = stored_plan(result, begun, trust_model)
    run_progress, done = RunProgress.of(begun.settings), begun.history.epochs
    is_measured = not plan.holds_out or HELD_OUT in begun.settings  # which is done after the run
    if run_progress.is_over and is_measured and epochs in (None, done):
        text = f"{result}: the run is over after {done} epochs ({begun.stopped}); --epochs {done + 1} or more goes on."
        console.print(text, soft_wrap=True)
        if json:
            tell_json(run_figures(begun))
        return
    goal = None if run_progress.is_over and epochs == done else epochs
    if goal is not None:
        run_progress.towards(goal, done)  # what can't be is said before the data are read
    if output is not None and not (output.exists() and output.samefile(result)):
        require_replaceable(output, RESULT)
        with heard():
            note_replaced(output)
    files = [str(path) for path in data or found_data(result, begun.settings)]
    places = {"data.paths": files, "output.result": str(output or result)}
    run(applied(plan.with_fields(places | fields_of_first_part(plan)), options), json, begun, goal)
