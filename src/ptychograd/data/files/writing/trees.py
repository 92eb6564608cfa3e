"""A new HDF5 file of another program's form: what stands where, as a table of paths."""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import h5py
import numpy as np

from ptychograd.data.files.writing.hdf5 import creating

Attributes = Mapping[str, object]
NONE: Attributes = MappingProxyType({})
LARGE = 2**16  # bytes of an array from which on it is compressed


class Dataset(NamedTuple):
    """An array, a number or a text, with attributes."""

    value: object
    attributes: Attributes = NONE


class Group(NamedTuple):
    """A group that has attributes of its own."""

    attributes: Attributes


class Link(NamedTuple):
    """A soft link to another path of the file, from its root."""

    path: str


def write_tree(path: str | os.PathLike[str], tree: Mapping[str, object], attributes: Attributes = NONE) -> None:
    """Write what a table says, an old file is replaced as a whole or not at all.

    Args:
        path: the file.
        tree: by path from the root a `Group`, a `Link`, a `Dataset`, or the value of one; groups come before what is in
            them.
        attributes: of the root.

    Raises:
        NotWrittenError: the file can't be written.
    """
    with creating(path) as file:
        file.attrs.update(attributes)
        for name, entry in tree.items():
            if isinstance(entry, Group):
                file.require_group(name).attrs.update(entry.attributes)
            elif isinstance(entry, Link):
                file[name] = h5py.SoftLink(f"/{entry.path}")
            else:
                _write(file, name, entry if isinstance(entry, Dataset) else Dataset(entry))


def _write(file: h5py.File, name: str, entry: Dataset) -> None:
    value = entry.value
    is_large = isinstance(value, np.ndarray) and value.nbytes >= LARGE
    found = file.create_dataset(name, data=value, **({"compression": "gzip", "shuffle": True} if is_large else {}))
    found.attrs.update(entry.attributes)
