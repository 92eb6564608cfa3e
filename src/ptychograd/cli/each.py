"""One run, or one for every file: `--each`, with a table at the end, and no run harmed by another that fails."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import ptychograd as pg
from ptychograd.cli.console import FAILED, complain, heard, leave, note, say, sentence_of
from ptychograd.cli.job import run
from ptychograd.cli.preview import preview
from ptychograd.output import texts

if TYPE_CHECKING:
    from ptychograd.runs.each import Outcome


def perform(plan: pg.Plan, is_preview: bool = False, json: bool = False) -> None:
    """The run of a plan, or its preview; of every file one with `data.each`, with a table at the end."""
    from ptychograd.runs.each import scans_of

    def one(asked: pg.Plan) -> "pg.Result":
        return preview(asked, json) if is_preview else run(asked, json)

    with heard():
        scans = scans_of(plan)
    if scans is None:
        one(plan)
    else:
        perform_each(scans, one)


def perform_each(plan: pg.Plan, run: "Callable[[pg.Plan], pg.Result]") -> None:
    """A run for every file, one after another; the status is that of a failure if one failed.

    Args:
        plan: its files are one scan each; the result that it names is a folder for theirs.
        run: performs the plan of one.
    """
    from ptychograd.runs.each import plans_of_files

    plans = plans_of_files(plan)
    outcomes: list[Outcome] = []
    try:
        for number, (path, one) in enumerate(plans, start=1):
            note(f"{path}, {number} of {len(plan.data.paths)}", style="bold")
            outcomes.append(_performed(path, one, run))
    finally:
        say("\n" + texts.outcome_table(outcomes) if outcomes else "")
    if any(outcome.result is None for outcome in outcomes):
        leave(FAILED)


def _performed(path: str, plan: pg.Plan, run: "Callable[[pg.Plan], pg.Result]") -> "Outcome":
    """The run of one file; what fails is said, and leaves the others alone."""
    from ptychograd.runs.each import Outcome

    try:
        return Outcome(path, run(plan))
    except (pg.InputError, MemoryError, RuntimeError) as problem:
        reason = sentence_of(problem)
        complain(reason)
    except SystemExit as left:  # which has said why
        if left.code != FAILED:
            raise
        reason = "failed"
    return Outcome(path, None, reason)
