"""`ptychograd prepare`: data as a reconstruction takes them, written into a file of their own."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import ptychograd as pg
from ptychograd.cli.console import note, say
from ptychograd.cli.files import placed
from ptychograd.cli.options import READ, Data, More, ReadOptions, plan_of, without_effect
from ptychograd.output import texts


def prepare(
    data: Data,
    /,
    *more: More,
    to: Annotated[Path, Parameter(name=["--output", "-o"])],
    options: ReadOptions = ReadOptions(),
) -> None:
    """Read data, do to them what `data.prepare` of the plan asks for, and write them with a note of every step.

    As --set data.prepare.crop=256 --set data.prepare.centre=auto --set data.prepare.gain=37. Data larger than memory
    are read and written block by block.

    Args:
        to: The file to write: .h5 or .hdf5 keeps everything; .cxi has patterns, positions, mask and geometry.
    """
    from ptychograd.runs.machine import in_file, require_devices
    from ptychograd.runs.plan.preparation import require_place, without_unwritten

    plan = plan_of(options, [data, *more])
    require_place(to, [Path(path) for path in plan.data.paths])
    if unused := without_effect(options, (*READ, "--memory")):
        note(f"{', '.join(unused)}: without effect here")
    require_devices()
    found = without_unwritten(plan.read(in_file(plan.machine)))
    where = placed(lambda path: pg.write(path, found), to)
    note(*found.notes)
    say(texts.prepared_line(where, found))
