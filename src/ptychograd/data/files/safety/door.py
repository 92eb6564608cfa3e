"""The one place where data files are opened."""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import StreamFromFile
from ptychograd.data.files.safety.entries import Catalogue, Entry, UnreadableError, damage
from ptychograd.data.files.safety.npz import open_npz
from ptychograd.data.files.safety.reach import Reach
from ptychograd.data.files.safety.storage import attribute, entry_of
from ptychograd.data.files.safety.tree import Tree

ATTRIBUTES = ("format", "format_version", "source", "notes")  # of a file's root, that a reader asks for


@contextlib.contextmanager
def opened(
    path: Path, links_into: Iterable[str | os.PathLike[str]] | None = None, keep: StreamFromFile | None = None
) -> Iterator[Catalogue]:
    """The entries of an HDF5 or NPZ file, whichever its content shows it to be.

    Args:
        links_into: folders, beside its own, whose files it may lead to; None if the caller can't be given any.
        keep: when patterns stay in the file; never unless given.

    Raises:
        InputError: there is no such file, or it is neither HDF5 nor NPZ, or it is damaged.
    """
    _check_kind(path)
    with contextlib.ExitStack() as stack:
        with damage("the file can't be opened, it is damaged or incomplete"):
            catalogue = stack.enter_context(_container(path, links_into, keep))
        yield catalogue


def _check_kind(path: Path) -> None:
    """Refuse what is no file, and say what it is."""
    with damage("the file can't be found"):
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            if path.is_symlink():
                raise UnreadableError(f"this is a link to {path.readlink()}, which is not there.") from None
            raise UnreadableError("there is no such file.") from None
    if stat.S_ISDIR(mode):
        raise UnreadableError("this is a folder; expected a file: CXI, HDF5 or NPZ.")
    if not stat.S_ISREG(mode):
        raise UnreadableError("this is a device or a pipe; expected a file: CXI, HDF5 or NPZ.")


def _container(
    path: Path, links_into: Iterable[str | os.PathLike[str]] | None, keep: StreamFromFile | None
) -> contextlib.AbstractContextManager[Catalogue]:
    with path.open("rb") as file:
        start = file.read(8)
    if start == b"\x89HDF\r\n\x1a\n" or h5py.is_hdf5(path):  # a MATLAB file's signature comes later
        return _open_hdf5(path, links_into, keep)
    if start[:2] == b"PK":
        return open_npz(path)
    raise InputError(f"this is neither HDF5 (as CXI and MATLAB 7.3 are) nor NPZ: it starts with {start!r}.")


@contextlib.contextmanager
def _open_hdf5(
    path: Path, links_into: Iterable[str | os.PathLike[str]] | None, keep: StreamFromFile | None
) -> Iterator[Catalogue]:
    import hdf5plugin  # noqa: F401  registers the compressions of detectors, so only once a file is opened

    with contextlib.ExitStack() as stack:
        tree = Tree(path, Reach.of(path, links_into), stack, keep is not None and keep.grows)
        tree.root(path)

        def find(name: str) -> Entry | None:
            found = tree.find(name)
            return None if found is None else entry_of(name, found, tree, keep)

        def walk() -> list[Entry]:
            found = (entry_of(name, dataset, tree, keep) for name, dataset in tree.walk())
            return [entry for entry in found if entry is not None]

        root = tree.files[path]["/"]
        found = {name: attribute(root, name) for name in ATTRIBUTES}
        yield Catalogue({name: value for name, value in found.items() if value is not None}, find, walk)
