"""HDF5 files, as CXI, NeXus and MATLAB 7.3 are."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import h5py

from ptychograd.data.files.containers.base import Container, Opening
from ptychograd.data.files.safety.entries import Catalogue, Entry
from ptychograd.data.files.safety.reach import Reach
from ptychograd.data.files.safety.storage import attribute, entry_of
from ptychograd.data.files.safety.tree import Tree

SIGNATURE = b"\x89HDF\r\n\x1a\n"
ATTRIBUTES = ("format", "format_version", "source", "notes")  # of a file's root, that a reader asks for


class Hdf5(Container):
    """The field's container."""

    name = "HDF5 (as CXI, NeXus and MATLAB 7.3 are)"
    extensions = (".h5", ".hdf5", ".cxi", ".nxs", ".nx5", ".ptyd", ".ptyr", ".mat", ".emd")

    def recognises(self, path, start):
        return start.startswith(SIGNATURE) or (bool(start) and h5py.is_hdf5(path))  # MATLAB's signature comes later

    @contextlib.contextmanager
    def opened(self, path: Path, opening: Opening) -> Iterator[Catalogue]:
        import hdf5plugin  # noqa: F401  registers the compressions of detectors, so only once a file is opened

        keep = opening.keep
        with contextlib.ExitStack() as stack:
            tree = Tree(path, Reach.of(path, opening.links_into), stack, keep is not None and keep.grows)
            tree.root(path)

            def find(name: str) -> Entry | None:
                found = tree.find(name)
                return None if found is None else entry_of(name, found, tree, keep)

            def walk() -> list[Entry]:
                found = (entry_of(name, dataset, tree, keep) for name, dataset in tree.walk())
                return [entry for entry in found if entry is not None]

            root = tree.files[path]["/"]
            found = {name: attribute(root, name) for name in ATTRIBUTES}
            found = {name: value for name, value in found.items() if value is not None}
            yield Catalogue(found, find, walk, lambda name: attribute(root, name), tree.names, tree.lost)
