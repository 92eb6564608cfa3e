"""`ptychograd frc`: the resolution, from two halves of the patterns or two results that exist."""

from pathlib import Path

import ptychograd as pg
from ptychograd.cli import engine
from ptychograd.cli.console import heard, note, say, tell_json, warn
from ptychograd.cli.files import drawn, placed, working_folder
from ptychograd.cli.options import Json, Output, PlanOptions, plan_of
from ptychograd.cli.progress import EpochBar
from ptychograd.output import texts
from ptychograd.runs.job import stem_of_data
from ptychograd.runs.signals import ending


def frc(
    data: Path | None = None,
    other: Path | None = None,
    /,
    *,
    output: Output = None,
    options: PlanOptions = PlanOptions(),
    json: Json = False,
) -> None:
    """Find the resolution: Fourier ring correlation of reconstructions from two halves of the patterns.

    The halves are chosen by chance; both results are kept beside the picture. Positions that are refined are searched
    and judged in each half by itself, as `reconstruct` does, by a few of its patterns that are then held out. With two
    results in place of the data these are compared. The resolution is the half period at the end of the first wide band
    of spatial frequencies in which the correlation is above the half-bit threshold (van Heel & Schatz 2005).

    Args:
        data: CXI, HDF5 or NPZ, by default those of the plan; or a result, with another after it.
        other: The other result, where DATA is a result.
        output: The picture; DATA_frc.png in the working folder by default. The halves' results are beside it, as
            DATA_frc_half_1.h5 and DATA_frc_half_2.h5.
    """
    from ptychograd.quality.half_data import common_area, half_agreement
    from ptychograd.runs.halves import are_halves

    plan = plan_of(options, [data] if data else [])
    picture = output or Path(f"{stem_of_data(plan)}_frc.png")
    pg.plot.require_place(picture)
    if data is None or other is None:
        one, two = _performed(pg.runs.HalvesJob(plan, working_folder(), picture, is_named=output is not None))
    else:
        one, two = pg.load(data), pg.load(other)
        if not are_halves(one, two):
            warn(f"Beware: unless {data} and {other} are of different patterns, they agree in their noise too.")
    found = half_agreement(one, two)
    say(*texts.resolution_lines(found, one))
    warn(texts.doubts_on_resolution(found, one))
    drawn(pg.plot.ring_figure(found, one, two, common_area(one, two)), picture)
    tell_json(texts.resolution_figures(found, one), json)


def _performed(job: "pg.runs.HalvesJob") -> "list[pg.Result]":
    """The results of both halves, each shown while it is made, and saved as soon as it is there."""
    from ptychograd.physics.model import roles_of
    from ptychograd.quality.half_data import require_one_image

    job.check()
    engine.start(job.plan.machine)
    job.plan.check()
    with heard():
        data = job.read()
    results = []
    for number, (planned, place) in enumerate(zip(job.runs(data), job.places, strict=True), start=1):
        require_one_image(roles_of(planned.run.model))
        note(f"{('first', 'second')[number - 1]} half")
        planned.memory.check()
        with EpochBar() as bar:
            result = job.perform(planned, bar.advance)
            ending.hold()
        results.append(job.described(result, data, number))
        where = placed(results[-1].save, place)
        ending.release()
        note(f"{where}: R = {result.r_factor:.4f}", *texts.summary_of_positions(result))
    return results
