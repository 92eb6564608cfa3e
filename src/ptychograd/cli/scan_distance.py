"""`ptychograd scan-distance`: the R-factor over a distance of a near field, and where it is lowest."""

import math
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ptychograd.cli.console import errors
from ptychograd.cli.console import output as console
from ptychograd.cli.options import Output, PlanOptions, Whole, plan_of
from ptychograd.cli.placed import working_folder
from ptychograd.core.errors import InputError
from ptychograd.runs.plan.quantities import quantity


def scan_distance(
    data: Path,
    /,
    *more: Path,
    from_: Annotated[str, Parameter(name="--from")],
    to: str,
    steps: Whole = 7,
    of: Literal["focus-distance", "distance"] | None = None,
    output: Output = None,
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
    from ptychograd.runs.distance_scan import DistanceScan

    first, last = _metres("--from", from_), _metres("--to", to)
    if not (0 < first < last < math.inf) or steps < 3:
        raise InputError(f"--from {from_} --to {to} --steps {steps}: expected 0 < from < to and 3 steps or more.")
    scan = DistanceScan.of(plan_of(options, [data, *more]), first, last, steps, of)
    errors.print(scan.summary, style="dim")
    grid = Grid(scan.grid, scan.plan, output or Path(f"{data.stem}_distance"), output is None, working_folder())
    found, by = perform(grid)
    write(found, by, grid)
    console.print(scan.lowest(found, by), soft_wrap=True)
    if doubt := scan.doubts(found, by):
        errors.print(doubt, style="yellow", soft_wrap=True)


def _metres(option: str, text: str) -> float:
    try:
        return quantity(text, "m")
    except ValueError as problem:
        raise InputError(f"{option}: {problem}.") from None
