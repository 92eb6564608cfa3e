"""One run, or one for every file: `--each`, with a table at the end, and no run harmed by another that fails."""

import glob
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ptychograd.cli.console import FAILED, complain, errors, leave, output
from ptychograd.core.errors import InputError
from ptychograd.core.table import text_table
from ptychograd.output.captions import verdict_code
from ptychograd.runs.plan.plan import Plan

if TYPE_CHECKING:
    from ptychograd.fitting.result import Result

COLUMNS = ("file", "R", "epochs", "verdict", "ended")


class Row(NamedTuple):
    """What became of a file: R-factor and epochs of its run and how it ended, or the reason why there is none."""

    path: str
    r_factor: str
    epochs: str
    verdict: str
    ended: str
    failed: bool = False

    @classmethod
    def of(cls, path: str, result: "Result") -> "Row":
        """Of a run that was performed."""
        epochs = result.history.epochs
        return cls(path, f"{result.r_factor:.4f}" if epochs else "", str(epochs), verdict_code(result), result.stopped)


def perform(plan: Plan, is_preview: bool = False, json: bool = False) -> None:
    """The run of a plan, or its preview; of every file one with `data.each`, with a table at the end."""
    from ptychograd.cli.job import run
    from ptychograd.cli.preview import preview

    def one(asked: Plan) -> "Result":
        return preview(asked, json) if is_preview else run(asked, json)

    if plan.data.each and (len(plan.data.paths) > 1 or any(map(glob.has_magic, plan.data.paths))):
        perform_each(plan, one)
    else:
        one(plan)


def perform_each(plan: Plan, run: "Callable[[Plan], Result]") -> None:
    """A run for every file, one after another; the status is that of a failure if one failed.

    Args:
        plan: its files are one scan each.
        run: performs the plan of one.

    Raises:
        InputError: they would all have the same result.
    """
    from ptychograd.data.files import expanded
    from ptychograd.runs.processes import ProcessRank

    if plan.output.result is not None:
        raise InputError("`output.result` names one result, and every file has its own with `data.each`; leave it out.")
    if ProcessRank.of(plan.machine.coordinator, plan.machine.processes, plan.machine.rank) is not None:
        raise InputError("`data.each` runs in one process; start one for every file instead.")
    paths = [path for named in plan.data.paths for path in expanded(named)]
    _check_names(paths)
    rows: list[Row] = []
    try:
        for number, path in enumerate(paths, start=1):
            errors.print(f"{path}, {number} of {len(paths)}", style="bold", soft_wrap=True)
            rows.append(_performed(path, plan.with_fields({"data.paths": path, "data.each": False}), run))
    finally:
        _tell(rows)
    if any(row.failed for row in rows):
        leave(FAILED)


def _check_names(paths: Sequence[str]) -> None:
    """Refuse files whose results would have one name, before the first run."""
    names: dict[str, str] = {}
    for path in paths:
        other = names.setdefault(Path(path).stem, path)
        if other != path:
            raise InputError(
                f"{other} and {path} would both end in {Path(path).stem}_result.h5; call the command once for each "
                "folder."
            )


def _performed(path: str, plan: Plan, run: "Callable[[Plan], Result]") -> Row:
    """The run of one file; what fails is said, and leaves the others alone."""
    from ptychograd.cli.engine import lacking

    try:
        return Row.of(path, run(plan))
    except (InputError, MemoryError) as problem:
        reason = " ".join(str(problem).split()) or "There is not enough memory."
        complain(reason)
    except RuntimeError as problem:
        reason = lacking(problem)
        if reason is None:
            raise
        complain(reason)
    except SystemExit as left:  # which has said why
        if left.code != FAILED:
            raise
        reason = "failed"
    return Row(path, "", "", "", reason, failed=True)


def _tell(rows: list[Row]) -> None:
    if rows:
        cells = [(row.path, row.r_factor, row.epochs, row.verdict, row.ended) for row in rows]
        output.print("\n" + "\n".join(text_table(COLUMNS, cells)), soft_wrap=True)
