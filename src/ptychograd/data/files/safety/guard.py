"""The bytes of an HDF5 file on their way to HDF5, which never comes back from some that are damaged.

Only what describes the arrays is looked at, where HDF5 (2.0.0) reads it: every block in a read of its own, from its
first byte on. A block that would keep HDF5 for ever, or end the process, loses its signature, and HDF5 calls the file
damaged. The values of arrays pass as they are.
"""

import contextlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ptychograd.data.files.safety.blocks import COLLECTION, NAMES, NODE, Blocks

VIRTUAL = 3  # kind of a layout, after its version: an array that is put together from others
SIGNATURE = 4  # bytes that are enough to make a block another one


class Guard(io.RawIOBase):
    """A file for reading, in which blocks that lead nowhere have no signature."""

    def __init__(self, path: Path):
        self.raw = path.open("rb", buffering=0)
        self.blocks = Blocks(self.raw, self.raw.seek(0, os.SEEK_END))
        self.inspects = True
        self.checks = ((COLLECTION, self.blocks.steps_on), (NAMES, self.blocks.frees_end), (NODE, self.blocks.has_last))
        size = self.blocks.offset_size
        self.layout = re.compile(b"(?=[\4\5]%c(.{%d})(.{4}))" % (VIRTUAL, size), re.DOTALL)

    @contextlib.contextmanager
    def values(self) -> Iterator[None]:
        """Meanwhile HDF5 reads values, and what leads to them was looked at before: nothing is changed."""
        self.inspects = False
        try:
            yield
        finally:
            self.inspects = True

    def close(self) -> None:
        self.raw.close()
        super().close()

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self.raw.seek(offset, whence)

    def tell(self) -> int:
        return self.raw.tell()

    def readinto(self, buffer, /) -> int:
        view, start = memoryview(buffer).cast("B"), self.raw.tell()
        done = 0
        while done < len(view) and (count := self.raw.readinto(view[done:])):
            done += count  # the system gives two gigabytes at a time
        view[done:] = bytes(len(view) - done)
        if self.inspects:
            self._examine(view, start)
            self.raw.seek(start + len(view))
        return len(view)

    def _examine(self, view: memoryview, start: int) -> None:
        """Take its signature from a block that leads nowhere, and its kind from a layout whose map is impossible."""
        for mark, is_sound in self.checks:
            if view[: len(mark)] == mark and not is_sound(start):
                view[:SIGNATURE] = bytes(SIGNATURE)
        for found in self.layout.finditer(view):
            address, number = (int.from_bytes(part, "little") for part in found.groups())
            if not self.blocks.map_is_possible(address, number):
                view[found.start() + 1] = 0xFF
