"""`ptychograd sweep`: the same reconstruction over a grid of settings, or at points that are searched."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from ptychograd.cli.console import archived_when_interrupted, heard, note, say, warn
from ptychograd.cli.files import placed, working_folder
from ptychograd.cli.options import OptionalWhole, Output, PlanOptions, field_named, plan_of
from ptychograd.cli.signals import ending
from ptychograd.runs.plan.plan import Plan

if TYPE_CHECKING:
    from ptychograd.runs.searches import Search
    from ptychograd.runs.sweep_folder import SweepFolder
    from ptychograd.runs.sweeps import Sweep


def sweep(
    data: Path,
    /,
    *more: Path,
    grid: Annotated[list[str] | None, Parameter(negative="", metavar="FIELD=VALUE,VALUE")] = None,
    search: Annotated[list[str] | None, Parameter(negative="", metavar="FIELD=LOW:HIGH")] = None,
    trials: OptionalWhole = None,
    method: Literal["bayesian", "random"] | None = None,
    output: Output = None,
    options: PlanOptions = PlanOptions(),
) -> None:
    """Reconstruct at every point of a grid of settings, or search for the best: a table, a picture, the best result.

    Best is the smallest R-factor of the held-out patterns, if there are any, else of the fitted ones; a search always
    holds some out, and ends runs early that are worse than others. A point that fails is told with its reason, and the
    others are done. Interrupted, it goes on from the finished runs when it is called again.

    Args:
        data: CXI, HDF5 or NPZ.
        more: Further files of the same scan.
        grid: An axis: a field of the plan and its values, as fit.batch_size=16,32; an option will do, as epochs=20,40.
            Repeat for several.
        search: A field to search, between two values, as fit.batch_size=4:256 or with :log behind it, or among some, as
            fit.noise=amplitude|poisson. Repeat for several.
        trials: How many points a search tries in all (default 30).
        method: How a search chooses points (default bayesian).
        output: The folder to write to; DATA_sweep in the working folder by default.
    """
    from ptychograd.runs.typed_axes import typed_axes

    axes, space = typed_axes(grid or (), search or (), field_named, trials, method)
    plan, folder = plan_of(options, [data, *more]), output or Path(f"{data.stem}_sweep")
    if axes:
        show(*perform(plan, axes, folder, output is not None), folder)
    else:
        _search(plan, space, 30 if trials is None else trials, method or "bayesian", folder, output is not None)


def perform(plan: Plan, axes: Mapping, folder: Path, is_named: bool) -> tuple["Sweep", str]:
    """Every run of a grid, and by which figure the best is chosen; an interrupt ends the process."""
    from ptychograd.cli.progress import ShareBar
    from ptychograd.quality.comparison import compared_if_known
    from ptychograd.runs.sweep_folder import points_of

    store = _begun(plan, points_of(plan, axes), folder, is_named)
    with archived_when_interrupted(folder), ShareBar("sweep") as bar:
        return store.sweep(axes, compared_if_known, bar.advance, _saving)


def _search(plan: Plan, space: Mapping, trials: int, method: str, folder: Path, is_named: bool) -> None:
    """The trials of a search, and what they found; an interrupt ends the process."""
    from ptychograd.cli.progress import ShareBar
    from ptychograd.quality.comparison import compared_if_known
    from ptychograd.runs.search_space import axes_of, corners
    from ptychograd.runs.setting_names import HELD_OUT

    store = _begun(plan, list(corners(axes_of(space, plan))), folder, is_named, always=True)
    with archived_when_interrupted(folder), ShareBar("search") as bar:
        found = store.search(space, trials, method, compared_if_known, bar.advance, _saving)
    show(found, HELD_OUT, folder)


def _begun(plan: Plan, points: Sequence, folder: Path, is_named: bool, always: bool = False) -> "SweepFolder":
    """Its data and its folder, in a process that is set up for it."""
    from ptychograd.cli.engine import prepare
    from ptychograd.runs.sweep_folder import SweepFolder

    prepare(plan.machine.precision)
    with heard():
        return SweepFolder.begun(plan, points, folder, working_folder(), is_named=is_named, always=always)


@contextmanager
def _saving() -> Iterator[None]:
    """Signals wait while a result is written."""
    with ending.waiting(), heard():
        yield


def show(found: "Sweep | Search", by: str, folder: Path) -> None:
    """Write and print what was found."""
    from ptychograd.output.sweeps import sweep_files
    from ptychograd.output.texts.sweeps import failures_line, outcome, pruned_line
    from ptychograd.runs.sweep_folder import BEST

    text, write = sweep_files(found, by)
    where = placed(write, folder)
    say(text)
    best = outcome(found, by)
    note(pruned_line(found))
    warn(failures_line(found))
    say(f"{best}; it is in {Path(str(where)) / BEST if where.found else where}.")
