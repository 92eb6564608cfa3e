"""`ptychograd sweep` and `scan-distance`: the same reconstruction over a grid of settings, or at searched points."""

from logging import WARNING
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

import ptychograd as pg
from ptychograd.cli import engine
from ptychograd.cli.console import archived_when_interrupted, heard, note, say, warn
from ptychograd.cli.files import placed, working_folder
from ptychograd.cli.options import OptionalWhole, Output, PlanOptions, Whole, field_named, plan_of
from ptychograd.cli.progress import ShareBar
from ptychograd.output import texts
from ptychograd.runs.job import stem_of_data


def sweep(
    *data: Path,
    grid: Annotated[list[str] | None, Parameter(negative="", metavar="FIELD=VALUE,VALUE")] = None,
    search: Annotated[list[str] | None, Parameter(negative="", metavar="FIELD=LOW:HIGH")] = None,
    trials: OptionalWhole = None,
    method: Literal["bayesian", "random"] | None = None,
    output: Output = None,
    options: PlanOptions = PlanOptions(),
) -> None:
    """Reconstruct at every point of a grid of settings, or search for the best: a table, a picture, the best result.

    Best is the smallest R-factor of the held-out patterns, if there are any, else of the fitted ones; a search always
    holds some out, and ends runs early that are worse than others. A point that fails is told with its reason, and the
    others are done. Interrupted, it goes on from the finished runs when it is called again.

    Args:
        data: CXI, HDF5 or NPZ; several files are one scan. By default those of the plan.
        grid: An axis: a field of the plan and its values, as fit.batch_size=16,32; an option will do, as epochs=20,40.
            Repeat for several.
        search: A field to search, between two values, as fit.batch_size=4:256 or with :log behind it, or among some, as
            fit.noise=amplitude|poisson. Repeat for several.
        trials: How many points a search tries in all (default 30).
        method: How a search chooses points (default bayesian).
        output: The folder to write to; DATA_sweep in the working folder by default.
    """
    from ptychograd.runs.typed_axes import typed_way

    way = typed_way(grid or (), search or (), field_named, trials, method)
    plan = plan_of(options, data)
    perform(way, plan, output or Path(f"{stem_of_data(plan)}_sweep"), output is not None)


def scan_distance(
    *data: Path,
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
        data: CXI, HDF5 or NPZ; several files are one scan. By default those of the plan.
        from_: First distance, as "46 mm", or in metres.
        to: Last distance.
        steps: Number of distances.
        of: focus-distance, from focus to sample, or distance, from sample to detector; by default the second where the
            file says that the beam is parallel, or --focus-distance is given, else the first.
        output: The folder to write to; DATA_distance in the working folder by default.
    """
    from ptychograd.runs.distance_scan import DistanceScan, typed_range

    first, last = typed_range(from_, to, steps)
    plan = plan_of(options, data)
    folder = output or Path(f"{stem_of_data(plan)}_distance")
    scan = DistanceScan.of(plan, first, last, steps, of)
    note(scan.summary)
    found, by = perform(pg.runs.GridWay(scan.grid), scan.plan, folder, output is not None)
    say(scan.lowest(found, by))
    warn(scan.doubts(found, by))


def perform(
    way: "pg.runs.AbstractWay", plan: "pg.Plan", folder: Path, is_named: bool
) -> "tuple[pg.runs.Sweep | pg.runs.Search, str]":
    """Make the runs, write and print what they found; an interrupt ends the process."""
    from ptychograd.output.sweeps import sweep_files
    from ptychograd.quality.comparison import compared_if_known
    from ptychograd.runs.sweep_folder import BEST, SweepFolder

    points = way.points(plan)
    engine.prepare(plan.machine.precision)
    with heard():
        store = SweepFolder.begun(plan, points, folder, working_folder(), is_named=is_named, always=way.always_judged)
    with heard(WARNING), archived_when_interrupted(folder), ShareBar(way.name) as bar:
        found, by = way.perform(store, compared_if_known, bar.advance)
    table, write = sweep_files(found, by)
    where = placed(write, folder)
    say(table)
    best = texts.outcome(found, by)
    note(texts.pruned_line(found))
    warn(texts.failures_line(found))
    say(f"{best}; it is in {Path(str(where)) / BEST if where.found else where}.")
    return found, by
