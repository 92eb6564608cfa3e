"""NPZ files: an archive of arrays, each with a header that tells its shape and type."""

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import frozen
from ptychograd.data.files.containers.base import Container, Opening
from ptychograd.data.files.safety.entries import Catalogue, Entry, damage


class Npz(Container):
    """NumPy's archives."""

    name = "NPZ"
    extensions = (".npz",)

    def recognises(self, path, start):
        return start[:2] == b"PK"

    @contextlib.contextmanager
    def opened(self, path: Path, opening: Opening) -> Iterator[Catalogue]:
        with np.load(path, allow_pickle=False) as arrays, zipfile.ZipFile(path) as archive:
            names = dict.fromkeys(name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy"))
            entries = {name: _entry(arrays, archive, name) for name in names}
            yield Catalogue({}, entries.get, lambda: list(entries.values()))


def _entry(arrays: np.lib.npyio.NpzFile, archive: zipfile.ZipFile, name: str) -> Entry:
    """Shape and type from the array's header alone, so that listing a file reads none of its arrays."""
    with damage(f'the header of "{name}" is damaged or incomplete'):
        with archive.open(f"{name}.npy") as file:
            old = np.lib.format.read_magic(file) == (1, 0)
            header = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
            shape, _, dtype = header(file)
            unpacked = archive.getinfo(f"{name}.npy").file_size - file.tell()
        if any(type(size) is not int or size < 0 for size in shape):
            raise InputError(f'the array "{name}" declares the impossible shape {shape}.')

    def load() -> np.ndarray:
        declared = entry.size * dtype.itemsize
        if declared > unpacked:
            raise InputError(f"{entry} declares {declared:,} bytes, and the file holds {unpacked:,}; it is damaged.")
        return frozen(arrays[name])

    entry = Entry(name, shape, dtype, None, load, archive.getinfo(f"{name}.npy").compress_size)
    return entry
