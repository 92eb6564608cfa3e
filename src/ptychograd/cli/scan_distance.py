"""`ptychograd scan-distance`: the R-factor over a distance of a near field, and where it is lowest."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ptychograd.cli.console import note, say, warn
from ptychograd.cli.options import Data, More, Output, PlanOptions, Whole, plan_of


def scan_distance(
    data: Data,
    /,
    *more: More,
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
        from_: First distance, as "46 mm", or in metres.
        to: Last distance.
        steps: Number of distances.
        of: focus-distance, from focus to sample, or distance, from sample to detector; by default the second where the
            file says that the beam is parallel, or --focus-distance is given, else the first.
        output: The folder to write to; DATA_distance in the working folder by default.
    """
    from ptychograd.cli.sweep import perform
    from ptychograd.runs.distance_scan import DistanceScan, typed_range
    from ptychograd.runs.sweep_ways import GridWay

    first, last = typed_range(from_, to, steps)
    scan = DistanceScan.of(plan_of(options, [data, *more]), first, last, steps, of)
    note(scan.summary)
    folder = output or Path(f"{data.stem}_distance")
    found, by = perform(GridWay(scan.grid), scan.plan, folder, output is not None)
    say(scan.lowest(found, by))
    warn(scan.doubts(found, by))
