"""A run for every file of a plan, and what became of each."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ptychograd.core.errors import InputError
from ptychograd.core.log import log
from ptychograd.data.files import expanded
from ptychograd.runs.origins import is_result
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.processes import ProcessRank

if TYPE_CHECKING:
    from ptychograd.fitting.result import Result


class Outcome(NamedTuple):
    """What became of the run of a file.

    Args:
        path: of the file.
        result: of its run; None where there is none.
        reason: why there is none.
    """

    path: str
    result: "Result | None"
    reason: str = ""


def scans_of(plan: Plan) -> Plan | None:
    """The plan with all files that are a scan each, by their names; None if it is one run.

    Raises:
        InputError: all of them are results of runs; as a pattern of names catches those of earlier runs, too, they are
            left out.
    """
    paths = [path for named in plan.data.paths for path in expanded(named)] if plan.data.each else []
    if len(paths) < 2 and not (paths and names_folder(plan)):
        return None
    results = [path for path in paths if is_result(Path(path))]
    if results and len(results) == len(paths):
        raise InputError(f"`data.paths`: {', '.join(results)} are results, and no data; name the files of scans.")
    if results:
        text = f"{results[0]} and {len(results) - 1} more are" if len(results) > 1 else f"{results[0]} is"
        log.info("%s left out: results of runs, no data", text)
    return plan.with_fields({"data.paths": [path for path in paths if path not in results]})


def plans_of_files(plan: Plan) -> Iterator[tuple[str, Plan]]:
    """Each file with its plan.

    The result that the plan names is a folder for theirs.

    Raises:
        InputError: they would all have the same result, or are to be reconstructed by several processes.
    """
    folder = _folder(plan)
    if ProcessRank.of(plan.machine.coordinator, plan.machine.processes, plan.machine.rank) is not None:
        raise InputError("`data.each` runs in one process; start one for every file instead.")
    _check_names(plan.data.paths)
    return ((path, _plan_of(plan, path, folder)) for path in plan.data.paths)


def names_folder(plan: Plan) -> bool:
    """Whether the result that is named is no file."""
    return plan.output.result is not None and Path(plan.output.result).suffix not in (".h5", ".hdf5")


def _plan_of(plan: Plan, path: str, folder: Path | None) -> Plan:
    fields: dict[str, object] = {"data.paths": path, "data.each": False}
    if folder is not None:
        fields["output.result"] = str(folder / f"{Path(path).stem}_result.h5")
    return plan.with_fields(fields)


def _folder(plan: Plan) -> Path | None:
    """The folder for the results, if one is named; it is made."""
    named = plan.output.result
    if named is None:
        return None
    folder = Path(named)
    if not names_folder(plan) or (folder.exists() and not folder.is_dir()):
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
