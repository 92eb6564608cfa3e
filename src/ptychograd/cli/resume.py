"""`ptychograd resume`: from a result to the end of its run, or to more epochs."""

from pathlib import Path

import ptychograd as pg
from ptychograd.cli.auto import run as go_on
from ptychograd.cli.console import heard, say, tell_json
from ptychograd.cli.job import run as perform
from ptychograd.cli.options import Json, OptionalWhole, Output, ResumeOptions, TrustModel, applied
from ptychograd.output import texts


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
    from ptychograd.automatic.under_way import is_under_way
    from ptychograd.runs.resuming import continued_plan, epochs_to_reach, over_line, stored_plan

    begun = pg.load(result)
    plan = stored_plan(result, begun, trust_model)
    goes_on = is_under_way(begun.settings)  # as `auto` does after its run
    if (over := over_line(result, begun, plan, epochs)) and not goes_on:
        say(over)
        tell_json(texts.run_figures(begun), json)
        return
    goal = epochs_to_reach(begun, epochs)  # what can't be is said before the data are read
    with heard():
        plan = continued_plan(result, begun, plan, data or (), output)
    plan = applied(plan, options)
    go_on(plan, json=json, resume=begun, epochs=goal) if goes_on else perform(plan, json, begun, goal)
