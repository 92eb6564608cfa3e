"""`ptychograd sweep`: the same reconstruction over a grid of settings, or at points that are searched."""

import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, TypeVar

from cyclopts import Parameter

from ptychograd.cli.axes import axis_of, search_axis_of
from ptychograd.cli.console import archived_when_interrupted, errors, heard
from ptychograd.cli.console import output as console
from ptychograd.cli.options import OptionalWhole, PlanOptions, plan_of
from ptychograd.cli.placed import leave_unless_there, placed, working_folder
from ptychograd.cli.signals import ending
from ptychograd.core.errors import InputError, NotWrittenError
from ptychograd.core.version import __version__
from ptychograd.output.texts.sweeps import TEXTS, texts_of
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.setting_names import FOLDER, HELD_OUT, PRUNED

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset
    from ptychograd.fitting.result import Result
    from ptychograd.runs.plan_sweep import PlanGrid
    from ptychograd.runs.searches import Search
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
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
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
    _write_all(found, asked, HELD_OUT, list(space), lambda picture: _draw_search(found, picture))


def _axes(texts: Sequence[str], option: str, read: Callable[[str], tuple[str, Axis]]) -> dict[str, Axis]:
    axes = dict(map(read, texts))
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

    @property
    def place(self) -> Path:
        """The folder for what it finds, from wherever it is seen."""
        return self.start / self.folder


def perform(grid: Grid) -> tuple["Sweep", str]:
    """Every run of the grid, and by which figure the best is chosen; an interrupt ends the process."""
    from ptychograd.cli.progress import ShareBar
    from ptychograd.runs.plan_sweep import PlanGrid, held_out_alike, name_of
    from ptychograd.runs.sweeps import sweep as sweep_grid

    for path, values in grid.axes.items():
        for value in values:
            grid.plan.with_fields({path: value})  # what suits no run is no point that fails
    points = [dict(zip(grid.axes, values, strict=True)) for values in itertools.product(*grid.axes.values())]
    data = _begun(grid, grid.plan.with_fields(points[0]))
    with heard():
        runs = PlanGrid(held_out_alike(grid.plan, points, data), Plan.read, data)
    by = runs.judged_by(points)
    with archived_when_interrupted(grid.folder), ShareBar("sweep") as bar:
        job = Job(grid, runs, data, lambda point: bar.advance(1 / len(points), name_of(point)))
        found = sweep_grid(
            runs.run,
            grid.axes,
            measure=job.measure,
            by=by,
            archived=job.find,
            on_run=job.note,
            on_failure=job.miss,
        )
        if found.best is not None and found.result is not None:
            found = found._replace(result=runs.whole(found.result, found.best.point))
        return found, by


def perform_search(asked: Grid, space: Mapping, trials: int, method: Method) -> "Search":
    """The trials of a search; an interrupt ends the process."""
    from ptychograd.cli.progress import ShareBar
    from ptychograd.runs.plan_sweep import PlanGrid, held_out_alike, name_of
    from ptychograd.runs.search_space import axes_of, corners
    from ptychograd.runs.searches import Row, search

    points = list(corners(axes_of(space, asked.plan)))
    data = _begun(asked, asked.plan.with_fields(points[0]))
    with heard():
        runs = PlanGrid(held_out_alike(asked.plan, points, data, always=True), Plan.read, data)
    job = Job(asked, runs, data, lambda _: None)
    with archived_when_interrupted(asked.folder), ShareBar("search") as bar:

        def tell(row: Row) -> None:
            bar.advance(1 / trials, f"{name_of(row.point)}: {row.reason or f'{row.figures[HELD_OUT]:.4g}'}")

        return search(
            runs,
            space,
            trials,
            method=method,
            seed=asked.plan.seed,
            study_file=asked.place / TRIALS,
            measure=job.compared,
            archived=job.find,
            on_run=job.note,
            on_trial=tell,
        )


def _begun(asked: Grid, first: Plan) -> "Dataset":
    """The data as the plan of the first point reads them, and the folder ready for what is found."""
    from ptychograd.cli.engine import prepare
    from ptychograd.cli.job import read_data
    from ptychograd.runs.folders import prepare_folder, require_own_runs

    prepare(asked.plan.machine.precision)
    first.check()
    data = read_data(first)
    prepare_folder(asked.place, TEXTS, ["sweep.png"], ["best.h5"])
    if asked.is_default:
        require_own_runs(asked.place, Path(asked.plan.data.paths[0]), data.fingerprint)
    return data


class Job(NamedTuple):
    """What a sweep does at each point of its grid, and what it keeps in its folder."""

    grid: Grid
    runs: "PlanGrid"
    data: "Dataset"
    tell: Callable[[Mapping], None]

    def measure(self, result: "Result", point: Mapping) -> dict[str, float]:
        """Errors against the truth, and the R-factor of held-out patterns, where there are any."""
        return self.compared(result, point) | self.runs.held_out(result, point)

    def compared(self, result: "Result", point: Mapping) -> dict[str, float]:
        """Errors against the truth, where there is one."""
        from ptychograd.quality.comparison import compare_with_truth

        fitted = self.runs.planned(point).run.data
        truth = fitted.truth
        comparable = truth is not None and truth.object.shape == result.object.shape
        return compare_with_truth(result, fitted) if comparable else {}

    def find(self, point: Mapping) -> "Result | None":
        """The result that an earlier sweep left at a point."""
        from ptychograd.runs.archive import archived
        from ptychograd.runs.plan_sweep import file_name_of

        result = archived(self.grid.place, file_name_of(point), self._asked(point))
        if result is None:
            return None
        self.tell(point)
        return result._replace(model=result.onto(self.runs.run(point).model))

    def note(self, point: Mapping, result: "Result") -> None:
        """Keep a new result; without that it is part of this sweep all the same."""
        from ptychograd.runs.archive import keep
        from ptychograd.runs.plan_sweep import file_name_of

        ending.hold()
        try:
            planned = self.runs.planned(point)
            described = planned.described(result)
            sourced = described._replace(settings=described.settings | {FOLDER: str(self.grid.start)})
            keep(self.grid.place, file_name_of(point), sourced, self._asked(point))
        except NotWrittenError as problem:
            errors.print(f"This run is not kept for later: {problem}", style="yellow", soft_wrap=True)
        self.tell(point)
        ending.release()

    def miss(self, point: Mapping, _: str) -> None:
        """Go on without a point that can't be reconstructed."""
        self.tell(point)

    def _asked(self, point: Mapping) -> dict:
        return {"version": __version__, **self.runs.plan_at(point).as_settings(), **self.runs.run(point).summary}


def write(found: "Sweep", by: str, grid: Grid) -> None:
    """Table, numbers, map and best result of a grid; the table is printed too."""
    from ptychograd.output.plot import save, sweep_map
    from ptychograd.output.plot.sweep_maps import MOST_AXES
    from ptychograd.runs.folders import removed

    def draw(picture: Path) -> None:
        if sum(len(values) > 1 for values in found.grid.values()) <= MOST_AXES:
            save(sweep_map(found.values(by), found.grid, by), picture)
        else:
            removed(picture)

    _write_all(found, grid, by, list(found.grid), draw)


def _write_all(found: "Sweep | Search", grid: Grid, by: str, axes: Sequence[str], draw: Callable[[Path], None]) -> None:
    from ptychograd.runs.plan_sweep import name_of

    text, texts = texts_of(axes, found.rows)
    where = placed(lambda folder: _write(found, texts, folder, draw), grid.folder, grid.start)
    console.print(text, soft_wrap=True)
    if found.best is None:
        raise InputError(_nothing(found))
    pruned = sum(row.reason.startswith(PRUNED) for row in found.rows)
    if pruned:
        errors.print(f"{pruned} of {len(found.rows)} runs were pruned: others were better by then.", style="dim")
    failed = [row for row in found.rows if row.reason and not row.reason.startswith(PRUNED)]
    if failed:
        first = f"{name_of(failed[0].point)}: {failed[0].reason}"
        errors.print(f"{len(failed)} of {len(found.rows)} points failed; {first}", style="yellow", soft_wrap=True)
    best = Path(str(where)) / "best.h5" if where.found else where
    console.print(
        f"best: {name_of(found.best.point)}, {by} {found.best.figures[by]:.5g}; it is in {best}.", soft_wrap=True
    )
    leave_unless_there(where)


def _write(found: "Sweep | Search", texts: Mapping[str, str], folder: Path, draw: Callable[[Path], None]) -> None:
    """All files of a sweep, each whole or not at all."""
    from ptychograd.data.files import replacing
    from ptychograd.runs.folders import removed

    with contextlib.suppress(OSError):  # what keeps it from being made keeps the files from being written
        folder.mkdir(exist_ok=True)
    for name, content in texts.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    draw(folder / "sweep.png")
    archived = folder / "best.h5"
    if found.best is not None and found.result is not None:
        found.result._replace(settings=found.result.settings | {"point": found.best.point}).save(archived)
    else:
        removed(archived)


def _draw_search(found: "Search", picture: Path) -> None:
    from ptychograd.output.plot import save, search_figure

    axes = {path: [axis.number(row.point[path]) for row in found.rows] for path, axis in found.axes.items()}
    logarithmic = [path for path, axis in found.axes.items() if axis.log]
    save(search_figure(found.values(HELD_OUT), axes, HELD_OUT, logarithmic), picture)


def _nothing(found: "Sweep | Search") -> str:
    """Why there is no best point."""
    reasons = list(dict.fromkeys(row.reason for row in found.rows))
    if all(reason.startswith("diverged") for reason in reasons):
        return "Every run diverged; take smaller steps."
    return f"No point worked: {' '.join(reasons[:3])}"
