"""How an exported file is known, so that nothing else is replaced by a new one."""

import zipfile
from pathlib import Path

from ptychograd.core.errors import InputError
from ptychograd.core.version import __version__
from ptychograd.data.files import opened

FORMAT = "ptychograd export"
PROGRAM, VERSION = "ptychograd", __version__
NAME = "ptychograd_format"  # of the array that says so, in files that hold nothing but arrays
HEAD = 4096  # bytes in which a file says what it is


def in_attributes(path: Path) -> bool:
    """Whether an HDF5 file says so."""
    try:
        with opened(path) as catalogue:
            return catalogue.attributes.get("format") == FORMAT
    except InputError:
        return False


def in_head(path: Path) -> bool:
    """Whether a file's first bytes say so."""
    with path.open("rb") as file:
        return FORMAT.encode() in file.read(HEAD)


def in_archive(path: Path) -> bool:
    """Whether an NPZ file has the array that says so."""
    try:
        with zipfile.ZipFile(path) as archive:
            return f"{NAME}.npy" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False
