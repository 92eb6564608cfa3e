"""One array of NumPy in a file of its own, mapped into memory; never unpickled."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.containers.base import Opening
from ptychograd.data.files.containers.frames import FRAMES, Frames, Images, catalogue_of
from ptychograd.data.files.safety.entries import Catalogue, Entry, damage


class Npy(Images):
    """Frames, or one frame, as `numpy.save` writes them; those of a grid have four axes."""

    name = "NPY"
    extensions = (".npy",)

    def recognises(self, path, start):
        return start[:6] == b"\x93NUMPY"

    @contextlib.contextmanager
    def opened(self, path: Path, opening: Opening) -> Iterator[Catalogue]:
        shape, dtype = _header(path)
        if len(shape) > 2:
            yield catalogue_of(self.frames(path), opening)
            return
        entry = Entry(FRAMES, shape, dtype, None, lambda: np.load(path, allow_pickle=False), path.stat().st_size)
        yield Catalogue({}, {FRAMES: entry}.get, lambda: [entry])

    def frames(self, path):
        shape, dtype = _header(path)
        if len(shape) < 2 or 0 in shape:
            raise InputError(f"its array has shape {shape}; expected frames (index, y, x), or one.")
        flat = (-1, *shape[-2:])

        def read(begin: int, end: int, out: np.ndarray) -> None:
            with damage(f"{path} can't be read"):
                out[...] = np.load(path, mmap_mode="r", allow_pickle=False).reshape(flat)[begin:end]

        return Frames(shape if len(shape) > 2 else (1, *shape), dtype, read, path.stat().st_size)


def _header(path: Path) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of the array, which the file has to hold whole."""
    with path.open("rb") as file:
        old = np.lib.format.read_magic(file) == (1, 0)
        header = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(file)
        begin = file.tell()
    if dtype.hasobject:
        raise InputError("it holds objects of Python, which can run code and are never opened.")
    size, needed = path.stat().st_size, begin + int(np.prod(shape, dtype=object)) * dtype.itemsize
    if any(type(n) is not int or n < 0 for n in shape) or needed > size:
        raise InputError(
            f"it is half-written or damaged: its array {shape} {dtype} needs {needed:,} bytes of {size:,}."
        )
    return shape, dtype
