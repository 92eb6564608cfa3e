"""`ptychograd inspect`: what a file was understood to hold, and how much memory its reconstruction will take."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import ptychograd as pg
from ptychograd.cli import engine
from ptychograd.cli.console import note, say, say_table
from ptychograd.cli.options import READ, ReadOptions, plan_of, without_effect
from ptychograd.output import texts


def inspect(
    file: Path,
    /,
    *more: Path,
    memory_plan: Annotated[bool, Parameter(negative="")] = False,
    options: ReadOptions = ReadOptions(),
) -> None:
    """Show what is in a data file: patterns, geometry, scan, overlap, photons, mask, and what is missing.

    Of a result it shows the data, model, epochs, R and verdict, and which commands to go on with.

    Args:
        file: CXI, HDF5 or NPZ; or a result.
        more: Further files of the same scan.
        memory_plan: Say also how much memory `reconstruct` will take, part by part. All options of `reconstruct` can be
            given beside it, as --modes 3.
    """
    from ptychograd.data.description import describe
    from ptychograd.runs.machine import devices, in_file, require_devices
    from ptychograd.runs.origins import is_result

    if is_result(file):
        if memory_plan:
            raise pg.InputError(f"{file} is a result; --memory-plan is for data.")
        say_table(texts.result_lines(file))
        return
    plan = plan_of(options, [file, *more]).with_fields({"data.mask.allow_most": True})  # it says what is valid
    if memory_plan:
        engine.start(plan.machine)
        plan.check()
        data = plan.read(in_file(plan.machine))
        planned = pg.runs.PlannedRun.of(plan, data, devices(plan.machine))
        say_table([*describe(data), *texts.memory_lines(planned.memory)])
        return
    if unused := without_effect(options, (*READ, "--memory")):
        note(f"{', '.join(unused)}: without effect here but for --memory-plan")
    require_devices()
    try:
        data = plan.read(in_file(plan.machine))
    except pg.InputError:
        say(*texts.contents_lines(plan))
        raise
    say_table(describe(data))
