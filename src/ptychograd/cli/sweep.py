"""`ptychograd sweep`: the same reconstruction over a grid of settings, or at points that are searched."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, TypeVar

from cyclopts import Parameter

from ptychograd.cli.console import archived_when_interrupted, errors, heard
from ptychograd.cli.console import output as console
from ptychograd.cli.options import OptionalWhole, Output, PlanOptions, field_named, plan_of
from ptychograd.cli.placed import leave_unless_there, placed, working_folder
from ptychograd.cli.signals import ending
from ptychograd.core.errors import InputError
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.setting_names import HELD_OUT

if TYPE_CHECKING:
    from ptychograd.fitting.result import Result
    from ptychograd.runs.searches import Search
    from ptychograd.runs.sweep_folder import SweepFolder
    from ptychograd.runs.sweeps import Sweep

FOLDER_OF = "{}_sweep"
TRIALS = "search.sqlite3"
Axis = TypeVar("Axis")
Method = Literal["bayesian", "random"]


def sweep(
    data: Path,
    /,
    *more: Path,
    grid: Annotated[list[str] | None, Parameter(negative="", metavar="FIELD=VALUE,VALUE")] = None,
    search: Annotated[list[str] | None, Parameter(negative="", metavar="FIELD=LOW:HIGH")] = None,
    trials: OptionalWhole = None,
    method: Method | None = None,
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
    from ptychograd.runs.typed_axes import axis_of, search_axis_of

    axes = _axes(grid or (), "--grid", axis_of)
    space = _axes(search or (), "--search", search_axis_of)
    if bool(axes) == bool(space):
        both = "both are given; leave one out" if axes else "give one of them, as --grid fit.batch_size=16,32"
        raise InputError(f"--grid tries all points, --search some of them: {both}.")
    if axes and (trials is not None or method is not None):
        raise InputError("--trials and --method are for --search; a grid tries all of its points.")
    folder = output or Path(FOLDER_OF.format(data.stem))
    asked = Grid(axes, plan_of(options, [data, *more]), folder, output is None, working_folder())
    if axes:
        write(*perform(asked), asked)
        return
    found = perform_search(asked, space, 30 if trials is None else trials, method or "bayesian")
    from ptychograd.output.plot.searches import draw_search

    _write(found, asked, HELD_OUT, list(space), partial(draw_search, found))


def _axes(texts: Sequence[str], option: str, read: Callable[[str, Callable], tuple[str, Axis]]) -> dict[str, Axis]:
    axes = dict(read(text, field_named) for text in texts)
    if len(axes) < len(texts):
        raise InputError(f"{option} names an axis twice; give it once.")
    return axes


class Grid(NamedTuple):
    """The axes of a sweep, the plan that all of its points have in common, and the folder for what it finds.

    Also whether that folder's name was made up from the data's, and the folder in which the command was started.
    """

    axes: Mapping[str, list]
    plan: Plan
    folder: Path
    is_default: bool
    start: Path

    def begun(self, points: Sequence[Mapping], always: bool = False) -> "SweepFolder":
        """Its data and its folder, in a process that is set up for it."""
        from ptychograd.cli.engine import prepare
        from ptychograd.runs.sweep_folder import SweepFolder

        prepare(self.plan.machine.precision)
        with heard():
            return SweepFolder.begun(
                self.plan, points, self.folder, self.start, is_named=not self.is_default, always=always
            )


def perform(grid: Grid) -> tuple["Sweep", str]:
    """Every run of the grid, and by which figure the best is chosen; an interrupt ends the process."""
    from ptychograd.cli.progress import ShareBar
    from ptychograd.quality.comparison import compared_if_known
    from ptychograd.runs.plan_sweep import name_of
    from ptychograd.runs.sweep_folder import points_of
    from ptychograd.runs.sweeps import sweep as sweep_grid

    points = points_of(grid.plan, grid.axes)
    store = grid.begun(points)
    runs, by = store.runs, store.runs.judged_by(points)
    with archived_when_interrupted(grid.folder), ShareBar("sweep") as bar:
        tell = _Teller(store, lambda point: bar.advance(1 / len(points), name_of(point)))
        found = sweep_grid(
            runs.run,
            grid.axes,
            measure=lambda result, point: (
                compared_if_known(result, runs.run(point).data) | runs.held_out(result, point)
            ),
            by=by,
            archived=tell.find,
            on_run=tell.keep,
            on_failure=lambda point, _: tell.done(point),
        )
        if found.best is not None and found.result is not None:
            found = found._replace(result=runs.whole(found.result, found.best.point))
        return found, by


def perform_search(asked: Grid, space: Mapping, trials: int, method: Method) -> "Search":
    """The trials of a search; an interrupt ends the process."""
    from ptychograd.cli.progress import ShareBar
    from ptychograd.quality.comparison import compared_if_known
    from ptychograd.runs.plan_sweep import name_of
    from ptychograd.runs.search_space import axes_of, corners
    from ptychograd.runs.searches import Row, search

    store = asked.begun(list(corners(axes_of(space, asked.plan))), always=True)
    tell = _Teller(store, lambda _: None)
    with archived_when_interrupted(asked.folder), ShareBar("search") as bar:

        def on_trial(row: Row) -> None:
            bar.advance(1 / trials, f"{name_of(row.point)}: {row.reason or f'{row.figures[HELD_OUT]:.4g}'}")

        return search(
            store.runs,
            space,
            trials,
            method=method,
            seed=asked.plan.seed,
            study_file=store.place / TRIALS,
            measure=lambda result, point: compared_if_known(result, store.runs.run(point).data),
            archived=tell.find,
            on_run=tell.keep,
            on_trial=on_trial,
        )


class _Teller(NamedTuple):
    """Says of each point that it is done; signals wait while its result is written."""

    store: "SweepFolder"
    done: Callable[[Mapping], None]

    def find(self, point: Mapping) -> "Result | None":
        result = self.store.find(point)
        if result is not None:
            self.done(point)
        return result

    def keep(self, point: Mapping, result: "Result") -> None:
        ending.hold()
        with heard():
            self.store.keep(point, result)
        self.done(point)
        ending.release()


def write(found: "Sweep", by: str, grid: Grid) -> None:
    """Table, numbers, map and best result of a grid; the table is printed too."""
    from ptychograd.output.plot.sweep_maps import draw_sweep

    _write(found, grid, by, list(found.grid), partial(draw_sweep, by, found))


def _write(found: "Sweep | Search", grid: Grid, by: str, axes: Sequence[str], draw: Callable[[Path], None]) -> None:
    from ptychograd.output.texts.sweeps import failures_line, outcome, pruned_line, texts_of
    from ptychograd.runs.sweep_folder import BEST, write_sweep

    text, texts = texts_of(axes, found.rows)
    where = placed(lambda folder: write_sweep(found, texts, folder, draw), grid.folder, grid.start)
    console.print(text, soft_wrap=True)
    best = outcome(found, by)
    if line := pruned_line(found):
        errors.print(line, style="dim")
    if line := failures_line(found):
        errors.print(line, style="yellow", soft_wrap=True)
    console.print(f"{best}; it is in {Path(str(where)) / BEST if where.found else where}.", soft_wrap=True)
    leave_unless_there(where)
