"""Data sets written to files, and which files these may replace."""

import os
from pathlib import Path

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset, check_data
from ptychograd.data.files.formats import cxi_writing, native
from ptychograd.data.files.safety import opened
from ptychograd.data.files.writing.atomic import require_writable

WRITERS = {".h5": native.write, ".hdf5": native.write, ".cxi": cxi_writing.write}
DATASET = native.FORMAT


def write(path: str | os.PathLike[str], data: Dataset) -> None:
    """Write a data set to HDF5, all of it, bit for bit; an old file is replaced as a whole or not at all.

    Patterns that stay in their file are read and written block by block.

    Args:
        path: the file, with a name that ends in .h5 or .hdf5; or in .cxi for a far-field scan as other programs read
            it: patterns, positions, mask and geometry, without start probe, support, truth and variables.
        data: the data set.

    Raises:
        InputError: another ending of the name, the file out of which the patterns are read, a CXI file of what is no
            far-field scan, or a file that can't be written.

    Example:
        >>> pg.write("scan.h5", data)
        >>> pg.read("scan.h5").fingerprint == data.fingerprint
        True
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"A {type(path).__name__} is no path; expected write(path, data), the path first.")
    check_data(data)
    path = Path(path)
    if path.suffix not in WRITERS:
        raise InputError(f"{path}: data sets are written as HDF5; expected a name that ends in {' or '.join(WRITERS)}.")
    WRITERS[path.suffix](path, data)


def require_replaceable(path: Path, kind: str, entry: str | None = None) -> None:
    """Raise `InputError` unless a file can be written there that replaces nothing, or one of its own kind alone.

    Args:
        kind: the format of the new file, `RESULT` or `DATASET`.
        entry: one that the old file has as well if it is of that kind, as "truth/object" in a simulated data set.
    """
    require_writable(path)
    if path.exists() and not _is_of(path, kind, entry):
        text = kind if entry is None else f"{kind} with {entry}"
        raise InputError(
            f"{path} is there and is no readable {text}: it would be lost. Give another name, or remove it first."
        )


def require_prepared(path: Path) -> None:
    """Raise `InputError` unless a data set can be written there that replaces nothing, or one that was written here."""
    require_writable(path)
    if not path.exists() or _is_of(path, DATASET, None):
        return
    try:
        with opened(path) as catalogue:
            is_own = catalogue.attributes.get("format") == cxi_writing.OWN
    except InputError:
        is_own = False
    if not (is_own and path.suffix == ".cxi"):
        raise InputError(
            f"{path} is there and was not written by ptychograd: it would be lost. Give another name, or remove it "
            "first."
        )


def _is_of(path: Path, kind: str, entry: str | None) -> bool:
    try:
        with opened(path) as catalogue:
            return catalogue.attributes.get("format") == kind and (entry is None or catalogue.find(entry) is not None)
    except InputError:
        return False
