"""`ptychograd sweep`: the same reconstruction over a grid of settings."""

import contextlib
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from cyclopts import Parameter

from ptychograd.cli.console import archived_when_interrupted, errors
from ptychograd.cli.console import output as console
from ptychograd.cli.folders import prepare_folder, removed, require_own_runs
from ptychograd.cli.options import PlanOptions, plan_of
from ptychograd.cli.placed import leave_unless_there, placed, working_folder
from ptychograd.cli.signals import ending
from ptychograd.core.errors import InputError, NotWrittenError
from ptychograd.core.version import __version__
from ptychograd.output.captions import FOLDER
from ptychograd.output.texts.sweeps import TEXTS, texts_of
from ptychograd.runs.plan.plan import Plan

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset
    from ptychograd.fitting.result import Result
    from ptychograd.runs.plan_sweep import PlanGrid
    from ptychograd.runs.sweeps import Sweep

FOLDER_OF = "{}_sweep"


def sweep(
    data: Path,
    /,
    *more: Path,
    grid: Annotated[list[str], Parameter(negative="")],
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    options: PlanOptions = PlanOptions(),
) -> None:
    """Reconstruct at every point of a grid of settings: a table, a map, and the best result.

    Best is the smallest R-factor of the held-out patterns, if there are any, else of the fitted ones.
    A point that fails is told with its reason, and the others are done. Interrupted, it goes on from the finished runs
    when it is called again.

    Args:
        data: CXI, HDF5 or NPZ.
        more: Further files of the same scan.
        grid: An axis: a field of the plan and its values, as fit.batch_size=16,32; an option will do, as epochs=20,40.
            Repeat for several.
        output: The folder to write to; DATA_sweep in the working folder by default.
    """
    axes = {name: values for name, values in map(axis_of, grid)}
    if len(axes) < len(grid):
        raise InputError("--grid names an axis twice; give it once.")
    folder = output or Path(FOLDER_OF.format(data.stem))
    asked = Grid(axes, plan_of(options, [data, *more]), folder, output is None, working_folder())
    write(*perform(asked), asked)


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
    from ptychograd.cli.engine import prepare
    from ptychograd.cli.job import read_data
    from ptychograd.cli.progress import ShareBar
    from ptychograd.runs.plan_sweep import PlanGrid, name_of
    from ptychograd.runs.sweeps import sweep as sweep_grid

    prepare(grid.plan.machine.precision)
    first = grid.plan.with_fields({path: values[0] for path, values in grid.axes.items()})
    first.check()
    data = read_data(first)
    prepare_folder(grid.place, TEXTS, ["sweep.png"], ["best.h5"])
    if grid.is_default:
        require_own_runs(grid.place, Path(grid.plan.data.paths[0]), data.fingerprint)
    share = 1 / math.prod(len(values) for values in grid.axes.values())
    runs = PlanGrid(grid.plan, Plan.read, data)
    with archived_when_interrupted(grid.folder), ShareBar("sweep") as bar:
        job = Job(grid, runs, data, lambda point: bar.advance(share, name_of(point)))
        found = sweep_grid(
            runs.run,
            grid.axes,
            measure=job.measure,
            by=runs.by,
            archived=job.find,
            on_run=job.note,
            on_failure=job.miss,
        )
        return found, runs.by


def axis_of(text: str) -> tuple[str, list]:
    """A field of the plan and its values, from NAME=VALUE,VALUE."""
    from ptychograd.cli.options import field_named
    from ptychograd.runs.plan.typed import value_of

    name, equals, values = (part.strip() for part in text.partition("="))
    path, parts = field_named(name), separated(values)
    if not (equals and parts):
        raise InputError(f'--grid "{text}" has no value; expected NAME=VALUE,VALUE.')
    if len(set(parts)) < len(parts):
        raise InputError(f'--grid "{text}" has a value twice.')
    if path == "machine.precision":
        raise InputError("--grid machine.precision: one process has one precision; call the command once for each.")
    return path, [value_of(path, part) for part in parts]


def separated(text: str) -> list[str]:
    """Values with commas between, those in brackets and quotes left whole."""
    parts = re.findall(r"(?:\[[^\]]*\]|\{[^}]*\}|\"[^\"]*\"|[^,\[{\"])+", text)
    return [part.strip() for part in parts if part.strip()]


class Job(NamedTuple):
    """What a sweep does at each point of its grid, and what it keeps in its folder."""

    grid: Grid
    runs: "PlanGrid"
    data: "Dataset"
    tell: Callable[[Mapping], None]

    def measure(self, result: "Result", point: Mapping) -> dict[str, float]:
        """Errors against the truth, and the R-factor of held-out patterns, where there are any."""
        from ptychograd.quality.comparison import compare_with_truth

        fitted = self.runs.planned(point).run.data
        truth = fitted.truth
        comparable = truth is not None and truth.object.shape == result.object.shape
        figures = compare_with_truth(result, fitted) if comparable else {}
        return figures | self.runs.held_out(result, point)

    def find(self, point: Mapping) -> "Result | None":
        """The result that an earlier sweep left at a point."""
        from ptychograd.runs.archive import archived
        from ptychograd.runs.plan_sweep import name_of

        result = archived(self.grid.place, name_of(point), self._asked(point))
        if result is None:
            return None
        self.tell(point)
        return result._replace(model=result.onto(self.runs.run(point).model))

    def note(self, point: Mapping, result: "Result") -> None:
        """Keep a new result; without that it is part of this sweep all the same."""
        from ptychograd.runs.archive import keep
        from ptychograd.runs.plan_sweep import name_of

        ending.hold()
        try:
            planned = self.runs.planned(point)
            described = planned.described(result)
            sourced = described._replace(settings=described.settings | {FOLDER: str(self.grid.start)})
            keep(self.grid.place, name_of(point), sourced, self._asked(point))
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
    """Table, numbers, map and best result; the table is printed too."""
    from ptychograd.runs.plan_sweep import name_of

    text, texts = texts_of(found)
    where = placed(lambda folder: _write(found, texts, folder, by), grid.folder, grid.start)
    console.print(text, soft_wrap=True)
    if found.best is None:
        raise InputError(_nothing(found))
    failed = [row for row in found.rows if row.reason]
    if failed:
        first = f"{name_of(failed[0].point)}: {failed[0].reason}"
        errors.print(f"{len(failed)} of {len(found.rows)} points failed; {first}", style="yellow", soft_wrap=True)
    best = Path(str(where)) / "best.h5" if where.found else where
    console.print(
        f"best: {name_of(found.best.point)}, {by} {found.best.figures[by]:.5g}; it is in {best}.", soft_wrap=True
    )
    leave_unless_there(where)


def _write(found: "Sweep", texts: Mapping[str, str], folder: Path, by: str) -> None:
    """All files of a sweep, each whole or not at all."""
    from ptychograd.data.files import replacing
    from ptychograd.output.plot import save, sweep_map
    from ptychograd.output.plot.sweep_maps import MOST_AXES

    with contextlib.suppress(OSError):  # what keeps it from being made keeps the files from being written
        folder.mkdir(exist_ok=True)
    for name, content in texts.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    picture, archived = folder / "sweep.png", folder / "best.h5"
    if sum(len(values) > 1 for values in found.grid.values()) <= MOST_AXES:
        save(sweep_map(found.values(by), found.grid, by), picture)
    else:
        removed(picture)
    if found.best is not None and found.result is not None:
        found.result._replace(settings=found.result.settings | {"point": found.best.point}).save(archived)
    else:
        removed(archived)


def _nothing(found: "Sweep") -> str:
    """Why there is no best point."""
    reasons = list(dict.fromkeys(row.reason for row in found.rows))
    if all(reason.startswith("diverged") for reason in reasons):
        return "Every run diverged; take smaller steps."
    return f"No point of the grid worked: {' '.join(reasons[:3])}"
