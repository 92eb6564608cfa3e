"""Arrays in a file of their own, each known by the digest of what it holds."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.safety import opened, sentence
from ptychograd.data.files.writing.hdf5 import creating

ARRAYS = "ptychograd arrays"  # the format of such a file


def digest_of(array: np.ndarray) -> str:
    """SHA-256 of an array's type, shape and values, whatever the order of its bytes in memory."""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    head = f"{little.dtype.str} {array.shape} "
    return hashlib.sha256(head.encode() + little.tobytes()).hexdigest()


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by their names, as "model/start/probe"; an old file is replaced as a whole or not at all.

    Raises:
        InputError: the file can't be written.
    """
    with creating(path) as file:
        file.attrs.update(format=ARRAYS)
        for name, array in arrays.items():
            file[name] = array


def read_array(path: str | os.PathLike[str], name: str, digest: str) -> np.ndarray:
    """One array of a file, which is the one that was meant.

    Args:
        path: an HDF5 or NPZ file.
        name: the array in it.
        digest: what `digest_of` said of it.

    Raises:
        InputError: the file or the array is not there, or holds other values.
    """
    try:
        with opened(Path(path)) as catalogue:
            entry = catalogue.find(name)
            if entry is None:
                raise InputError(f'there is no "{name}" in it')
            array = entry.array()
    except InputError as problem:
        raise InputError(sentence(f"{path}: {problem}")) from None
    if digest_of(array) != digest:
        raise InputError(f'{path}: "{name}" holds other values than those that were saved; its SHA-256 is another one.')
    return array
