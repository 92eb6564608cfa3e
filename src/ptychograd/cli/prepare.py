"""`ptychograd prepare`: data as a reconstruction takes them, written into a file of their own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ptychograd.cli.console import errors, output
from ptychograd.cli.options import READ, ReadOptions, plan_of, without_effect
from ptychograd.cli.placed import leave_unless_there, placed, working_folder
from ptychograd.core.errors import InputError

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset


def prepare(
    data: Path,
    /,
    *more: Path,
    to: Annotated[Path, Parameter(name=["--output", "-o"])],
    options: ReadOptions = ReadOptions(),
) -> None:
    """Read data, do to them what `data.prepare` of the plan asks for, and write them with a note of every step.

    As --set data.prepare.crop=256 --set data.prepare.centre=auto --set data.prepare.gain=37. Data larger than memory
    are read and written block by block.

    Args:
        data: CXI, HDF5 or NPZ.
        more: Further files of the same scan.
        to: The file to write: .h5 or .hdf5 keeps everything; .cxi has patterns, positions, mask and geometry.
    """
    from ptychograd.data.files import write
    from ptychograd.runs.machine import in_file, require_devices

    folder = working_folder()
    plan = plan_of(options, [data, *more])
    _check(to, [Path(path) for path in plan.data.paths])
    if unused := without_effect(options, READ):
        errors.print(f"{', '.join(unused)}: without effect here", style="dim", soft_wrap=True)
    require_devices()
    found = _used(plan.read(in_file(plan.machine)))
    where = placed(lambda path: write(path, found), to, folder)
    for note in found.notes:
        errors.print(note, style="dim", soft_wrap=True)
    rows, columns = found.frame_shape
    output.print(
        f"{where}: {found.count:,} patterns of {rows} x {columns} pixels, {found.photons.mean():.4g} photons each on "
        "average.",
        soft_wrap=True,
    )
    leave_unless_there(where)


def _check(out: Path, inputs: list[Path]) -> None:
    """Refuse, before anything is read, a name at which other data would be lost."""
    from ptychograd.data.files import WRITERS, require_prepared

    if out.suffix not in WRITERS:
        raise InputError(f"--output {out}: expected a name that ends in {' or '.join(WRITERS)}.")
    if out.exists() and any(path.exists() and out.samefile(path) for path in inputs):
        raise InputError(f"--output {out} is the file that is read; give another name.")
    require_prepared(out)


def _used(data: "Dataset") -> "Dataset":
    """The data without patterns for which there was room in their file, and which were never written."""
    import numpy as np

    from ptychograd.data.dataset import StoredPatterns
    from ptychograd.data.preparation.scan import chosen

    patterns = data.patterns
    if not isinstance(patterns, StoredPatterns) or patterns.used is None or patterns.used.all():
        return data
    used = patterns.used[:: data.group]
    return chosen(data, np.flatnonzero(used), "frames", "that were written")
