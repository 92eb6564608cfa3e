"""`ptychograd sweep`: the same reconstruction over a grid of settings."""

import csv
import dataclasses
import io
import json
import math
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from cyclopts import Parameter, convert
from cyclopts.exceptions import CycloptsError

from ptychograd._errors import InputError
from ptychograd._version import __version__
from ptychograd.cli._console import errors, kept_when_interrupted
from ptychograd.cli._console import output as console
from ptychograd.cli._held import HELD_OUT, check_share, judged_by
from ptychograd.cli._options import Options, pairs, whole
from ptychograd.cli._places import refines_positions

if TYPE_CHECKING:
    from ptychograd._dataset import Dataset
    from ptychograd._result import Result
    from ptychograd._run import Run
    from ptychograd._sweep import Sweep

FIXED = (
    "precision",
    "key",
    "model",
    "hold_out",
    "step",
    "orientation",
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
    from ptychograd.cli._engine import prepare
    from ptychograd.cli._plan import read_data

    prepare(options.precision)
    axes = {name: _values(name, text) for name, text in pairs(_dashed(grid), "grid").items()}
    if any(name.startswith(STEP) for name in axes) and "solver" not in axes and options.solver != "adam":
        raise InputError("Steps are an axis for adam; add --solver adam.")
    if any(refines_positions(refined or ()) for refined in axes.get("refine", [options.refine])):
        raise InputError("A sweep does not judge refined positions; refine them with `reconstruct`, one run at a time.")
    asked = Grid(data, axes, options, output or Path(f"{data.stem}_sweep"))
    found, by = perform(asked, read_data(data, options))
    write(found, asked.folder, by)


class Grid(NamedTuple):
    """The file, the axes of a sweep, the options at all of its points, and the folder for what it finds."""

    path: Path
    axes: Mapping[str, list]
    options: Options
    folder: Path


def perform(grid: Grid, data: "Dataset") -> tuple["Sweep", str]:
    """Every run of the grid, and by which figure the best is chosen; an interrupt ends the process."""
    from ptychograd._hold_out import hold_out
    from ptychograd._sweep import sweep as sweep_grid
    from ptychograd.cli._progress import ShareBar

    check_share(grid.options)
    fitted, held = data, None
    if grid.options.hold_out:
        fitted, held = hold_out(data, grid.options.hold_out, grid.options.seed)
    _make(grid.folder / "runs")
    by = "r_factor" if held is None else HELD_OUT
    share = 1 / math.prod(len(values) for values in grid.axes.values())
    with kept_when_interrupted(grid.folder), ShareBar("sweep") as bar:
        job = Job(grid, fitted, held, {}, lambda point: bar.advance(share, _name(point)))
        return sweep_grid(job.run, grid.axes, measure=job.measure, by=by, kept=job.find, on_run=job.note), by


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
    runs: "dict[str, Run]"
    told: Callable[[Mapping], None]

    def run(self, point: Mapping) -> "Run":
        """The run at a point, made once."""
        name = _name(point)
        if name not in self.runs:
            self.runs[name] = self._planned(point)
        return self.runs[name]

    def _planned(self, point: Mapping) -> "Run":
        from ptychograd.cli._plan import make_run, read_file

        options, data = _at(point, self.grid.options), self.fitted
        if any(axis in point for axis in PLACES):
            there = read_file(self.grid.path, options)
            data = dataclasses.replace(data, positions=there.positions, geometry=there.geometry)
        return make_run(options, data)

    def measure(self, result: "Result") -> dict[str, float]:
        """Errors against the truth, and the R-factor of held-out patterns, where there are any."""
        from ptychograd._compare import compare_with_truth

        truth = self.fitted.truth
        comparable = truth is not None and truth.object.shape == result.object.shape
        figures = compare_with_truth(result, self.fitted) if comparable else {}
        if self.held is not None and result.model is not None:
            figures[HELD_OUT], _ = judged_by(self.held, result, result.settings["trainable"])
        return figures

    def find(self, point: Mapping) -> "Result | None":
        """The result that an earlier sweep left at a point."""
        from ptychograd._kept import kept

        result = kept(self.grid.folder, _name(point), self._asked(point))
        if result is None:
            return None
        self.told(point)
        return result._replace(model=result.onto(self.run(point).model))

    def note(self, point: Mapping, result: "Result") -> None:
        """Keep a new result."""
        from ptychograd._kept import keep

        keep(self.grid.folder, _name(point), result, self._asked(point))
        self.told(point)

    def _asked(self, point: Mapping) -> dict:
        return {"version": __version__, **dataclasses.asdict(_at(point, self.grid.options)), **self.run(point).words}


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


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f"{folder} can't be made: {problem.strerror}; give another folder.") from None


def write(found: "Sweep", folder: Path, by: str) -> None:
    """Table, numbers, map and best result; the table is printed too."""
    from ptychograd.plot import MOST_AXES, save, sweep_map

    text = _write_tables(found, folder)
    (folder / "sweep.png").unlink(missing_ok=True)
    if sum(len(values) > 1 for values in found.grid.values()) <= MOST_AXES:
        save(sweep_map(found.values(by), found.grid, by), folder / "sweep.png")
    console.print(text, soft_wrap=True)
    (folder / "best.h5").unlink(missing_ok=True)
    if found.best is None or found.result is None:
        raise InputError(_nothing(found))
    best = found.result._replace(settings=found.result.settings | {"point": found.best.point})
    best.save(folder / "best.h5")
    failed = [row for row in found.rows if row.reason]
    if failed:
        first = f"{_name(failed[0].point)}: {failed[0].reason}"
        errors.print(f"{len(failed)} of {len(found.rows)} points failed; {first}", style="yellow", soft_wrap=True)
    console.print(
        f"best: {_name(found.best.point)}, {by} {found.best.figures[by]:.5g}; it is in {folder / 'best.h5'}.",
        soft_wrap=True,
    )


def _write_tables(found: "Sweep", folder: Path) -> str:
    """Text, CSV and JSON, with the reason of what failed; the text."""
    from ptychograd._files import replacing
    from ptychograd._table import aligned

    figures = list(dict.fromkeys(name for row in found.rows for name in row.figures))
    reasons = ["reason"] if any(row.reason for row in found.rows) else []
    columns = [*found.grid, *figures, *reasons]
    rows, numbers = [], []
    for row in found.rows:
        values = {name: row.figures.get(name, math.nan) for name in figures}
        shown = [*map(str, row.point.values()), *(f"{value:.5g}" for value in values.values())]
        rows.append([*shown, *([row.reason] if reasons else [])])
        point = {name: str(value) if value in (math.inf, -math.inf) else value for name, value in row.point.items()}
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        numbers.append(point | finite | ({"reason": row.reason} if row.reason else {}))
    text = "\n".join(aligned(columns, rows)) + "\n"
    sheet = io.StringIO()
    csv.writer(sheet, lineterminator="\n").writerows([columns, *rows])
    texts = {"sweep.txt": text, "sweep.csv": sheet.getvalue(), "sweep.json": json.dumps(numbers, indent=1) + "\n"}
    for name, content in texts.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return text


def _nothing(found: "Sweep") -> str:
    """Why there is no best point."""
    reasons = list(dict.fromkeys(row.reason for row in found.rows))
    if all(reason.startswith("diverged") for reason in reasons):
        return "Every run diverged; take smaller steps."
    return f"No point of the grid worked: {' '.join(reasons[:3])}"
