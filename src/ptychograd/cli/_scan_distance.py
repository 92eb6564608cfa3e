"""`ptychograd scan-distance`: the R-factor over a distance of a near field, and where it is lowest."""

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from ptychograd._errors import InputError
from ptychograd.cli._console import output as console
from ptychograd.cli._options import Options, Whole

if TYPE_CHECKING:
    from ptychograd._dataset import Dataset

Distance = Literal["focus-distance", "distance"]


def scan_distance(
    data: Path,
    /,
    *,
    from_: Annotated[float, Parameter(name="--from")],
    to: float,
    steps: Whole = 7,
    of: Distance | None = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    options: Options = Options(),  # noqa: B008
) -> None:
    """Reconstruct a near field at several distances: a table, a curve, and where the R-factor is lowest.

    Few epochs do, as --epochs 15. Interrupted, it goes on from the finished runs when it is called again.

    Args:
        data: CXI, HDF5 or NPZ.
        from_: First distance in metres.
        to: Last distance in metres.
        steps: Number of distances.
        of: focus-distance, from focus to sample, or distance, from sample to detector; by default the first, unless the
            beam is parallel and the second, as the data have it, lies in the range.
        output: The folder to write to; DATA_distance in the working folder by default.
    """
    from ptychograd._geometry import format_length
    from ptychograd._sweep import lowest_point
    from ptychograd.cli._engine import prepare
    from ptychograd.cli._plan import read_data, read_file
    from ptychograd.cli._sweep import Grid, perform, write

    if not (0 < from_ < to < math.inf) or steps < 3:
        raise InputError(f"--from {from_:g} --to {to:g} --steps {steps}: expected 0 < from < to and 3 steps or more.")
    prepare(options.precision)
    if options.model == "far-field":
        raise InputError("--model far-field: a distance is scanned in a near field; leave the model out.")
    options = replace(options, model="near-field")
    axis = of or _axis(read_file(data, options), from_, to)
    if getattr(options, axis.replace("-", "_")) is not None:
        raise InputError(f"--{axis} is what is scanned; leave it out.")
    first = replace(options, **{axis.replace("-", "_"): from_})
    distances = [float(f"{from_ + (to - from_) * k / (steps - 1):.7g}") for k in range(steps)]
    grid = Grid(data, {axis: distances}, options, output or Path(f"{data.stem}_distance"))
    found, by = perform(grid, read_data(data, first))
    write(found, grid.folder, by)
    lowest = lowest_point(distances, found.values(by))
    words = f"{axis} of the lowest {by}, by a parabola: {format_length(lowest)}" if lowest else _outside(axis, by)
    console.print(words, soft_wrap=True)


def _axis(data: "Dataset", low: float, high: float) -> Distance:
    parallel = data.geometry is not None and math.isinf(getattr(data.geometry, "focus_distance", math.inf))
    within = data.geometry is not None and low <= data.geometry.distance <= high
    return "distance" if parallel and within else "focus-distance"


def _outside(axis: str, by: str) -> str:
    return f"The lowest {by} is at the edge of the range; scan a range of {axis} that has it in the middle."
