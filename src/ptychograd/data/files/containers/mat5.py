"""MATLAB files of version 5 to 7, read by SciPy; those of version 7.3 are HDF5."""

import contextlib
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy.io

from ptychograd.core.errors import InputError
from ptychograd.data.files.containers.base import Container, Opening
from ptychograd.data.files.safety.bounds import check_memory
from ptychograd.data.files.safety.entries import Catalogue, Entry

SIGNATURE = b"MATLAB 5.0 MAT-file"
HEADER, TAG, PACKED = 128, 8, 15  # bytes of the header and of a tag; the kind of a packed element
DEEPEST = 8  # structures within structures
READ_AT_ONCE = 1 << 20  # bytes


class Mat5(Container):
    """Arrays and structures, whose fields are named as in HDF5: p/lambda."""

    name = "MATLAB"
    extensions = (".mat",)

    def recognises(self, path, start):
        return start.startswith(SIGNATURE)

    @contextlib.contextmanager
    def opened(self, path: Path, opening: Opening) -> Iterator[Catalogue]:
        check_memory("the whole of it, unpacked,", _unpacked(path))
        whole = scipy.io.loadmat(path, mat_dtype=False, squeeze_me=False, struct_as_record=True)
        entries = dict(_entries("", {name: value for name, value in whole.items() if not name.startswith("__")}, 0))
        yield Catalogue({}, entries.get, lambda: list(entries.values()))


def _unpacked(path: Path) -> int:
    """Bytes of all elements once they are unpacked, which none may be in vain: they are counted and thrown away."""
    total = 0
    with path.open("rb") as file:
        header = file.read(HEADER)
        order = "little" if header[126:128] == b"IM" else "big"
        while len(tag := file.read(TAG)) == TAG:
            kind, size = (int.from_bytes(tag[at : at + 4], order) for at in (0, 4))
            if kind != PACKED:
                total += size
                file.seek(size, 1)
                continue
            unpacker, left = zlib.decompressobj(), size
            while left > 0:
                block = file.read(min(left, READ_AT_ONCE))
                if not block:
                    raise InputError("the file ends before its last array does; was it cut short?")
                left -= len(block)
                while block:
                    total += len(unpacker.decompress(block, 16 * READ_AT_ONCE))
                    block = unpacker.unconsumed_tail
                check_memory("what is in it, unpacked,", total)
    return total


def _entries(place: str, fields: dict[str, object], depth: int) -> Iterator[tuple[str, Entry]]:
    """All arrays of numbers with their names; of structures the first one, field by field."""
    for name, value in fields.items():
        path = f"{place}{name}"
        if not isinstance(value, np.ndarray) or depth > DEEPEST:
            continue
        if value.dtype.names and value.size:
            first = value.flat[0]
            yield from _entries(f"{path}/", {one: first[one] for one in value.dtype.names}, depth + 1)
        elif value.dtype.kind in "biufcU":
            yield path, _entry(path, value)


def _entry(path: str, value: np.ndarray) -> Entry:
    return Entry(path, value.shape, value.dtype, None, lambda: value, None)
