"""One run, or one for every file: `--each`, with a table at the end, and no run harmed by another that fails."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ptychograd.cli.console import FAILED, complain, errors, leave, output
from ptychograd.cli.wording import located
from ptychograd.core.errors import InputError
from ptychograd.core.table import text_table
from ptychograd.output.captions import verdict_code
from ptychograd.output.texts.results import is_result
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
    from ptychograd.data.files import expanded

    def one(asked: Plan) -> "Result":
        return preview(asked, json) if is_preview else run(asked, json)

    paths = [path for named in plan.data.paths for path in expanded(named)] if plan.data.each else []
    if not plan.data.each or (len(paths) < 2 and not _names_folder(plan)):
        one(plan)
        return
    plan = _without_results(plan.with_fields({"data.paths": paths}))
    perform_each(plan, one)


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

    Raises:
        InputError: they would all have the same result.
    """
    from ptychograd.runs.processes import ProcessRank

    folder = _folder(plan)
    if ProcessRank.of(plan.machine.coordinator, plan.machine.processes, plan.machine.rank) is not None:
        raise InputError("`data.each` runs in one process; start one for every file instead.")
    _check_names(plan.data.paths)
    rows: list[Row] = []
    try:
        for number, path in enumerate(plan.data.paths, start=1):
            errors.print(f"{path}, {number} of {len(plan.data.paths)}", style="bold", soft_wrap=True)
            fields: dict[str, object] = {"data.paths": path, "data.each": False}
            if folder is not None:
                fields["output.result"] = str(folder / f"{Path(path).stem}_result.h5")
            rows.append(_performed(path, plan.with_fields(fields), run))
    finally:
        _tell(rows)
    if any(row.failed for row in rows):
        leave(FAILED)


def _names_folder(plan: Plan) -> bool:
    """Whether the result that is named is no file."""
    return plan.output.result is not None and Path(plan.output.result).suffix not in (".h5", ".hdf5")


def _folder(plan: Plan) -> Path | None:
    """The folder for the results, if one is named; it is made."""
    named = plan.output.result
    if named is None:
        return None
    folder = Path(named)
    if not _names_folder(plan) or (folder.exists() and not folder.is_dir()):
        raise InputError(
            f"`output.result` {named} is one file, and every scan has a result of its own with `data.each`; name a "
            "folder."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f"`output.result` {named} can't be made: {problem.strerror or problem}.") from None
    return folder


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
        text = located(problem) if isinstance(problem, InputError) else problem
        reason = " ".join(str(text).split()) or "There is not enough memory."
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
