"""A run for every file of a plan, and what became of each."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ptychograd.core.errors import InputError
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.processes import ProcessRank

if TYPE_CHECKING:
    from ptychograd.fitting.result import Result


class Outcome(NamedTuple):
    """The result of the run of a file, or the reason why there is none."""

    path: str
    result: "Result | None"
    reason: str = ""


def plans_of_files(plan: Plan) -> Iterator[tuple[str, Plan]]:
    """Each file with its plan.

    Raises:
        InputError: they would all have the same result, or are to be reconstructed by several processes.
    """
    if plan.output.result is not None:
        raise InputError("`output.result` names one result, and every file has its own with `data.each`; leave it out.")
    if ProcessRank.of(plan.machine.coordinator, plan.machine.processes, plan.machine.rank) is not None:
        raise InputError("`data.each` runs in one process; start one for every file instead.")
    _check_names(plan.data.paths)
    return ((path, plan.with_fields({"data.paths": path, "data.each": False})) for path in plan.data.paths)


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
