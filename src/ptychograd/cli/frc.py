"""`ptychograd frc`: the resolution, from two halves of the patterns or two results that exist."""

from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.cli.console import errors, heard, tell_json
from ptychograd.cli.console import output as console
from ptychograd.cli.options import Json, Output, PlanOptions, plan_of
from ptychograd.cli.pictures import drawn, require_picture
from ptychograd.cli.placed import leave_unless_there, placed, working_folder
from ptychograd.cli.signals import ending
from ptychograd.core.errors import InputError
from ptychograd.output.texts.corrections import summary_of_positions

if TYPE_CHECKING:
    from ptychograd.data.files.writing.placing import Placed
    from ptychograd.fitting.result import Result
    from ptychograd.runs.halves import HalvesJob


def frc(
    data: Path,
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
        data: CXI, HDF5 or NPZ; or a result, with another after it.
        other: The other result, where DATA is a result.
        output: The picture; DATA_frc.png in the working folder by default. The halves' results are beside it, as
            DATA_frc_half_1.h5 and DATA_frc_half_2.h5.
    """
    from ptychograd.fitting.result import load
    from ptychograd.output.plot import ring_figure
    from ptychograd.output.texts.resolution import doubts_on_resolution, resolution_figures, resolution_lines
    from ptychograd.quality.half_data import common_area, half_agreement
    from ptychograd.runs.halves import HalvesJob, are_halves

    picture, folder, files = output or Path(f"{data.stem}_frc.png"), working_folder(), []
    require_picture(picture)
    if other is not None:
        one, two = load(data), load(other)
        if not are_halves(one, two):
            text = f"Beware: unless {data} and {other} are of different patterns, they agree in their noise too."
            errors.print(text, style="yellow", soft_wrap=True)
    else:
        job = HalvesJob(plan_of(options, [data]), folder, picture, is_named=output is not None)
        (one, first), (two, second) = _performed(job)
        files = [first, second]
    found = half_agreement(one, two)
    for text in resolution_lines(found, one):
        console.print(text, soft_wrap=True)
    if text := doubts_on_resolution(found, one):
        errors.print(text, style="yellow", soft_wrap=True)
    files.append(drawn(ring_figure(found, one, two, common_area(one, two)), picture, folder))
    if json:
        tell_json(resolution_figures(found, one))
    leave_unless_there(*files)


def _performed(job: "HalvesJob") -> "list[tuple[Result, Placed]]":
    """The results of both halves, each shown while it is made, and saved as soon as it is there."""
    from ptychograd.cli.machine import start
    from ptychograd.cli.progress import EpochBar
    from ptychograd.fitting.result import NonFiniteError
    from ptychograd.physics.model import roles_of
    from ptychograd.quality.half_data import require_one_image
    from ptychograd.runs.halves import check_halves

    check_halves(job.plan)
    start(job.plan.machine)
    job.plan.check()
    with heard():
        data = job.read()
    results = []
    for number, (planned, place) in enumerate(zip(job.runs(data), job.places, strict=True), start=1):
        require_one_image(roles_of(planned.run.model))
        errors.print(f"{('first', 'second')[number - 1]} half", style="dim")
        planned.memory.check()
        with EpochBar() as bar:
            try:
                result = planned.perform(bar.advance)
                ending.hold()
            except NonFiniteError as problem:
                raise InputError(f"A half could not be reconstructed: {problem}") from None
        result = job.described(result, data, number)
        where = placed(result.save, place, job.folder)
        ending.release()
        for text in (f"{where}: R = {result.r_factor:.4f}", *summary_of_positions(result)):
            errors.print(text, style="dim", soft_wrap=True)
        results.append((result, where))
    return results
