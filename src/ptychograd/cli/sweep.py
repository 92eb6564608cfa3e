"""`ptychograd sweep`: the same reconstruction over a grid of settings."""

import contextlib
import dataclasses
import math
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from cyclopts import Parameter, convert
from cyclopts.exceptions import CycloptsError

from ptychograd.cli.console import archived_when_interrupted, errors
from ptychograd.cli.console import output as console
from ptychograd.cli.folders import prepare_folder, removed, require_own_runs
from ptychograd.cli.held import HELD_OUT, check_share, validated_by
from ptychograd.cli.options import Options, pairs, whole
from ptychograd.cli.placed import leave_unless_there, placed, working_folder
from ptychograd.cli.places import refines_positions
from ptychograd.cli.saving import FINGERPRINT
from ptychograd.cli.signals import ending
from ptychograd.cli.sweep_texts import TEXTS, texts_of
from ptychograd.core.errors import InputError, NotWrittenError
from ptychograd.core.version import __version__
from ptychograd.output.captions import DATA_FILE, FOLDER

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset
    from ptychograd.fitting.result import Result
    from ptychograd.runs.stage import Run
    from ptychograd.runs.sweeps import Sweep

FIXED = (
    "precision",
    "key",
    "model",
    "hold_out",
    "step",
    "orientation",
    "effects",
)  # what can't differ between the points of a grid
PLACES = ("distance", "focus-distance")  # axes along which positions may count other pixels
STEP = "step."


def sweep(
    data: Path,
    /,
    *,
    grid: Annotated[list[str], Parameter(negative="")],
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    options: Options = Options(),  # noqa: B008
) -> None:
    """Reconstruct at every point of a grid of settings: a table, a map, and the best result.

    Best is the smallest R-factor of the held-out patterns, if there are any, else of the fitted ones.
    A point that fails is told with its reason, and the others are done. Interrupted, it goes on from the finished runs
    when it is called again.

    Args:
        data: CXI, HDF5 or NPZ.
        grid: An axis: an option or a step size and its values, as batch-size=16,32 or step.object=0.1,0.01; repeat
            for several.
        output: The folder to write to; DATA_sweep in the working folder by default.
    """
    from ptychograd.cli.engine import prepare
    from ptychograd.cli.plan import read_data

    prepare(options.precision)
    axes = {name: _values(name, text) for name, text in pairs(_dashed(grid), "grid").items()}
    if any(name.startswith(STEP) for name in axes) and "solver" not in axes and options.solver != "adam":
        raise InputError("Step sizes can be an axis only for adam; add --solver adam.")
    if any(refines_positions(refined or ()) for refined in axes.get("refine", [options.refine])):
        raise InputError(
            "A sweep can't refine positions, which held-out patterns have to judge; use `reconstruct` for each."
        )
    asked = Grid(data, axes, options, output or Path(f"{data.stem}_sweep"), output is None, working_folder())
    found, by = perform(asked, read_data(data, options))
    write(found, asked, by)


class Grid(NamedTuple):
    """The file, the axes of a sweep, the options at all of its points, and the folder for what it finds.

    Also whether that folder's name was made up from the data's, and the folder in which the command was started.
    """

    path: Path
    axes: Mapping[str, list]
    options: Options
    folder: Path
    is_default: bool
    start: Path

    @property
    def place(self) -> Path:
        """The folder for what it finds, from wherever it is seen."""
        return self.start / self.folder


def perform(grid: Grid, data: "Dataset") -> tuple["Sweep", str]:
    """Every run of the grid, and by which figure the best is chosen; an interrupt ends the process."""
    from ptychograd.cli.progress import ShareBar
    from ptychograd.data.splitting import hold_out
    from ptychograd.runs.sweeps import sweep as sweep_grid

    check_share(grid.options)
    fitted, held = data, None
    if grid.options.hold_out:
        fitted, held = hold_out(data, grid.options.hold_out, grid.options.seed)
    prepare_folder(grid.place, TEXTS, ["sweep.png"], ["best.h5"])
    if grid.is_default:
        require_own_runs(grid.place, grid.path, data.fingerprint)
    source = {DATA_FILE: str(grid.path), FOLDER: str(grid.start), FINGERPRINT: data.fingerprint}
    by = "r_factor" if held is None else HELD_OUT
    share = 1 / math.prod(len(values) for values in grid.axes.values())
    with archived_when_interrupted(grid.folder), ShareBar("sweep") as bar:
        job = Job(grid, fitted, held, source, {}, lambda point: bar.advance(share, _name(point)))
        found = sweep_grid(
            job.run, grid.axes, measure=job.measure, by=by, archived=job.find, on_run=job.note, on_failure=job.miss
        )
        return found, by


def _dashed(grid: list[str]) -> list[str]:
    """Options are written with dashes, and step.PATH as the parameter is called."""
    parts = (text.partition("=") for text in grid)
    return [
        (name if name.startswith(STEP) else name.replace("_", "-")) + equals + values for name, equals, values in parts
    ]


class Job(NamedTuple):
    """What a sweep does at each point of its grid, and what it keeps in its folder."""

    grid: Grid
    fitted: "Dataset"
    held: "Dataset | None"
    source: dict
    runs: "dict[str, Run]"
    tell: Callable[[Mapping], None]

    def run(self, point: Mapping) -> "Run":
        """The run at a point, made once."""
        name = _name(point)
        if name not in self.runs:
            self.runs[name] = self._planned(point)
        return self.runs[name]

    def _planned(self, point: Mapping) -> "Run":
        from ptychograd.cli.plan import make_run, read_file

        options, data = _at(point, self.grid.options), self.fitted
        if any(axis in point for axis in PLACES):
            there = read_file(self.grid.path, options)
            data = dataclasses.replace(data, positions=there.positions, geometry=there.geometry)
        return make_run(options, data)

    def measure(self, result: "Result") -> dict[str, float]:
        """Errors against the truth, and the R-factor of held-out patterns, where there are any."""
        from ptychograd.quality.comparison import compare_with_truth

        truth = self.fitted.truth
        comparable = truth is not None and truth.object.shape == result.object.shape
        figures = compare_with_truth(result, self.fitted) if comparable else {}
        if self.held is not None and result.model is not None:
            figures[HELD_OUT] = validated_by(self.held, result, result.settings["trainable"]).r_factor
        return figures

    def find(self, point: Mapping) -> "Result | None":
        """The result that an earlier sweep left at a point."""
        from ptychograd.runs.archive import archived

        result = archived(self.grid.place, _name(point), self._asked(point))
        if result is None:
            return None
        self.tell(point)
        return result._replace(model=result.onto(self.run(point).model))

    def note(self, point: Mapping, result: "Result") -> None:
        """Keep a new result; without that it is part of this sweep all the same."""
        from ptychograd.runs.archive import keep

        ending.hold()
        try:
            sourced = result._replace(settings=result.settings | self.source)
            keep(self.grid.place, _name(point), sourced, self._asked(point))
        except NotWrittenError as problem:
            errors.print(f"This run is not kept for later: {problem}", style="yellow", soft_wrap=True)
        self.tell(point)
        ending.release()

    def miss(self, point: Mapping, _: str) -> None:
        """Go on without a point that can't be reconstructed."""
        self.tell(point)

    def _asked(self, point: Mapping) -> dict:
        return {"version": __version__, **dataclasses.asdict(_at(point, self.grid.options)), **self.run(point).summary}


def _values(name: str, text: str) -> list:
    """The values of an axis, in the type of the option that it is called after."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(set(parts)) < len(parts):
        raise InputError(f'--grid "{name}={text}" has a value twice.')
    if not parts:
        raise InputError(f'--grid "{name}={text}" has no value; expected NAME=VALUE,VALUE.')
    if name.startswith(STEP):
        return [_number(name, part) for part in parts]
    types = typing.get_type_hints(Options)
    field = name.replace("-", "_")
    if field not in types or field in FIXED:
        known = ", ".join(one.replace("_", "-") for one in types if one not in FIXED)
        raise InputError(f'--grid "{name}" is no axis; expected step.PATH or one of: {known}.')
    return [_value(name, types[field], part) for part in parts]


def _value(name: str, hint: typing.Any, text: str) -> object:
    try:
        if int in (hint, *typing.get_args(hint)) and text != "auto":
            return whole(text)
        return convert(hint, [text])
    except (CycloptsError, InputError) as problem:
        raise InputError(f'--grid {name}: "{text}" won\'t do: {_plain(problem)}') from None


def _plain(problem: Exception) -> str:
    return " ".join(str(problem).split()).removeprefix("CoercionError ")


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f'--grid {name}: "{text}" is no number.') from None


def _at(point: Mapping, options: Options) -> Options:
    """The options at a point of the grid."""
    steps = pairs(options.step, "step")
    steps |= {name.removeprefix(STEP): str(value) for name, value in point.items() if name.startswith(STEP)}
    changes = {name.replace("-", "_"): value for name, value in point.items() if not name.startswith(STEP)}
    step = [f"{path}={size}" for path, size in steps.items()] or None
    return dataclasses.replace(options, **changes, step=step)


def _name(point: Mapping) -> str:
    return " ".join(f"{name}={value}" for name, value in point.items())


def write(found: "Sweep", grid: Grid, by: str) -> None:
    """Table, numbers, map and best result; the table is printed too."""
    text, texts = texts_of(found)
    where = placed(lambda folder: _write(found, texts, folder, by), grid.folder, grid.start)
    console.print(text, soft_wrap=True)
    if found.best is None:
        raise InputError(_nothing(found))
    failed = [row for row in found.rows if row.reason]
    if failed:
        first = f"{_name(failed[0].point)}: {failed[0].reason}"
        errors.print(f"{len(failed)} of {len(found.rows)} points failed; {first}", style="yellow", soft_wrap=True)
    best = Path(str(where)) / "best.h5" if where.found else where
    console.print(
        f"best: {_name(found.best.point)}, {by} {found.best.figures[by]:.5g}; it is in {best}.", soft_wrap=True
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
