"""`ptychograd scan-distance`: the R-factor over a distance of a near field, and where it is lowest."""

import math
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ptychograd.cli.console import errors
from ptychograd.cli.console import output as console
from ptychograd.cli.options import PlanOptions, Whole, plan_of
from ptychograd.cli.placed import working_folder
from ptychograd.core.errors import InputError
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.quantities import quantity

Distance = Literal["focus-distance", "distance"]
TEXTS = {"focus-distance": "the distance from focus to sample", "distance": "the distance from sample to detector"}
FIELDS = {"focus-distance": "geometry.focus_distance", "distance": "geometry.distance"}
EPOCHS = 15


def scan_distance(
    data: Path,
    /,
    *more: Path,
    from_: Annotated[str, Parameter(name="--from")],
    to: str,
    steps: Whole = 7,
    of: Distance | None = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    options: PlanOptions = PlanOptions(),
) -> None:
    """Reconstruct a near field at several distances: a table, a curve, and where the R-factor is lowest.

    Fifteen epochs each, unless --epochs says otherwise. Interrupted, it goes on from the finished runs when it is
    called again.

    Args:
        data: CXI, HDF5 or NPZ.
        more: Further files of the same scan.
        from_: First distance, as "46 mm", or in metres.
        to: Last distance.
        steps: Number of distances.
        of: focus-distance, from focus to sample, or distance, from sample to detector; by default the second where the
            file says that the beam is parallel, or --focus-distance is given, else the first.
        output: The folder to write to; DATA_distance in the working folder by default.
    """
    from ptychograd.cli.sweep import Grid, perform, write
    from ptychograd.data.geometry import format_length
    from ptychograd.runs.sweeps import doubts, lowest_point

    first, last = _metres("--from", from_), _metres("--to", to)
    if not (0 < first < last < math.inf) or steps < 3:
        raise InputError(f"--from {from_} --to {to} --steps {steps}: expected 0 < from < to and 3 steps or more.")
    plan = plan_of(options, [data, *more])
    if plan.model.kind == "far-field":
        raise InputError("`model.kind` far-field: a distance is scanned in a near field; leave the model out.")
    epochs = EPOCHS if plan.fit.epochs is None else plan.fit.epochs
    plan = plan.with_fields({"model.kind": "near-field", "fit.epochs": epochs})
    axis = of or _axis(plan)
    if of is not None and plan.field(FIELDS[of]) is not None:
        raise InputError(f"--{of} is what is scanned; leave it out.")
    errors.print(f"scanning: {TEXTS[axis]}", style="dim")
    distances = [float(f"{first + (last - first) * k / (steps - 1):.7g}") for k in range(steps)]
    folder = output or Path(f"{data.stem}_distance")
    grid = Grid({FIELDS[axis]: distances}, plan, folder, output is None, working_folder())
    found, by = perform(grid)
    write(found, by, grid)
    lowest = lowest_point(distances, found.values(by))
    where = f"{format_length(lowest)}, by a parabola" if lowest else "not within this range; scan one around the lowest"
    console.print(f"{axis} of the lowest {by}: {where}", soft_wrap=True)
    doubt = doubts(found.values(by))
    if doubt:
        errors.print(f"Beware: {doubt}.", style="yellow", soft_wrap=True)


def _metres(option: str, text: str) -> float:
    try:
        return quantity(text, "m")
    except ValueError as problem:
        raise InputError(f"{option}: {problem}.") from None


def _axis(plan: Plan) -> Distance:
    """The distance to the detector where the beam is given or known to be parallel, else that from the focus."""
    from ptychograd.data.files import NO_FOCUS

    if plan.geometry.focus_distance is not None:
        return "distance"
    data = plan.read()
    parallel = math.isinf(getattr(data.geometry, "focus_distance", math.inf))
    guessed = NO_FOCUS in data.notes
    return "distance" if parallel and not guessed and plan.geometry.distance is None else "focus-distance"
