"""`ptychograd scan-distance`: the R-factor over a distance of a near field, and where it is lowest."""

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from ptychograd.cli.console import errors
from ptychograd.cli.console import output as console
from ptychograd.cli.options import Options, Whole
from ptychograd.cli.placed import working_folder
from ptychograd.core.errors import InputError

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset

Distance = Literal["focus-distance", "distance"]
TEXTS = {"focus-distance": "the distance from focus to sample", "distance": "the distance from sample to detector"}
EPOCHS = 15


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

    Fifteen epochs each, unless --epochs says otherwise. Interrupted, it goes on from the finished runs when it is
    called again.

    Args:
        data: CXI, HDF5 or NPZ.
        from_: First distance in metres.
        to: Last distance in metres.
        steps: Number of distances.
        of: focus-distance, from focus to sample, or distance, from sample to detector; by default the second where the
            file says that the beam is parallel, or --focus-distance is given, else the first.
        output: The folder to write to; DATA_distance in the working folder by default.
    """
    from ptychograd.cli.engine import prepare
    from ptychograd.cli.plan import read_data, read_file
    from ptychograd.cli.sweep import Grid, perform, write
    from ptychograd.data.geometry import format_length
    from ptychograd.runs.sweeps import doubts, lowest_point

    if not (0 < from_ < to < math.inf) or steps < 3:
        raise InputError(f"--from {from_:g} --to {to:g} --steps {steps}: expected 0 < from < to and 3 steps or more.")
    prepare(options.precision)
    if options.model == "far-field":
        raise InputError("--model far-field: a distance is scanned in a near field; leave the model out.")
    options = replace(options, model="near-field", epochs=EPOCHS if options.epochs is None else options.epochs)
    axis = of or _axis(read_file(data, options), options)
    if of is not None and getattr(options, _field(of)) is not None:
        raise InputError(f"--{of} is what is scanned; leave it out.")
    errors.print(f"scanning: {TEXTS[axis]}", style="dim")
    first = replace(options, **{_field(axis): from_})
    distances = [float(f"{from_ + (to - from_) * k / (steps - 1):.7g}") for k in range(steps)]
    folder = output or Path(f"{data.stem}_distance")
    grid = Grid(data, {axis: distances}, options, folder, output is None, working_folder())
    found, by = perform(grid, read_data(data, first))
    write(found, grid, by)
    lowest = lowest_point(distances, found.values(by))
    where = f"{format_length(lowest)}, by a parabola" if lowest else "not within this range; scan one around the lowest"
    console.print(f"{axis} of the lowest {by}: {where}", soft_wrap=True)
    doubt = doubts(found.values(by))
    if doubt:
        errors.print(f"Beware: {doubt}.", style="yellow", soft_wrap=True)


def _axis(data: "Dataset", options: Options) -> Distance:
    """The distance to the detector where the beam is given or known to be parallel, else that from the focus."""
    if options.focus_distance is not None:
        return "distance"
    from ptychograd.data.files import NO_FOCUS

    parallel = math.isinf(getattr(data.geometry, "focus_distance", math.inf))
    guessed = NO_FOCUS in data.notes
    return "distance" if parallel and not guessed and options.distance is None else "focus-distance"


def _field(axis: str) -> str:
    return axis.replace("-", "_")
