"""One run, or one for every file: `--each`, with a table at the end, and no run harmed by another that fails."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.cli.console import FAILED, complain, errors, leave, output, sentence_of
from ptychograd.core.errors import InputError
from ptychograd.output.texts.results import is_result
from ptychograd.runs.plan.plan import Plan

if TYPE_CHECKING:
    from ptychograd.fitting.result import Result
    from ptychograd.runs.each import Outcome


def perform(plan: Plan, is_preview: bool = False, json: bool = False) -> None:
    """The run of a plan, or its preview; of every file one with `data.each`, with a table at the end."""
    from ptychograd.cli.job import run
    from ptychograd.cli.preview import preview
    from ptychograd.data.files import expanded
    from ptychograd.runs.each import names_folder

    def one(asked: Plan) -> "Result":
        return preview(asked, json) if is_preview else run(asked, json)

    paths = [path for named in plan.data.paths for path in expanded(named)] if plan.data.each else []
    if len(paths) > 1 or (paths and names_folder(plan)):
        perform_each(_without_results(plan.with_fields({"data.paths": paths})), one)
    else:
        one(plan)


def _without_results(plan: Plan) -> Plan:
    """The plan without files that are results, as a pattern of names catches those of earlier runs too."""
    results = [path for path in plan.data.paths if is_result(Path(path))]
    if not results:
        return plan
    if len(results) == len(plan.data.paths):
        raise InputError(f"`data.paths`: {', '.join(results)} are results, and no data; name the files of scans.")
    text = f"{results[0]} and {len(results) - 1} more are" if len(results) > 1 else f"{results[0]} is"
    errors.print(f"{text} left out: results of runs, no data", style="dim", soft_wrap=True)
    return plan.with_fields({"data.paths": [path for path in plan.data.paths if path not in results]})


def perform_each(plan: Plan, run: "Callable[[Plan], Result]") -> None:
    """A run for every file, one after another; the status is that of a failure if one failed.

    Args:
        plan: its files are one scan each; the result that it names is a folder for theirs.
        run: performs the plan of one.
    """
    from ptychograd.output.texts.each import outcome_table
    from ptychograd.runs.each import plans_of_files

    plans = plans_of_files(plan)
    outcomes: list[Outcome] = []
    try:
        for number, (path, one) in enumerate(plans, start=1):
            errors.print(f"{path}, {number} of {len(plan.data.paths)}", style="bold", soft_wrap=True)
            outcomes.append(_performed(path, one, run))
    finally:
        if outcomes:
            output.print("\n" + outcome_table(outcomes), soft_wrap=True)
    if any(outcome.result is None for outcome in outcomes):
        leave(FAILED)


def _performed(path: str, plan: Plan, run: "Callable[[Plan], Result]") -> "Outcome":
    """The run of one file; what fails is said, and leaves the others alone."""
    from ptychograd.runs.each import Outcome

    try:
        return Outcome(path, run(plan))
    except (InputError, MemoryError, RuntimeError) as problem:
        reason = sentence_of(problem)
        complain(reason)
    except SystemExit as left:  # which has said why
        if left.code != FAILED:
            raise
        reason = "failed"
    return Outcome(path, None, reason)
