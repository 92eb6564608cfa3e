"""The bytes of an HDF5 file, looked at before HDF5 sees them.

HDF5 (2.0.0) never comes back from a collection of its global heap, which holds texts and the maps of virtual
datasets, if a part of it has a size with which the next part begins where it began. Such a collection loses its
signature here, and HDF5 calls the file damaged.
"""

import io
import os
import struct
from pathlib import Path

COLLECTION = b"GCOL\x01\0\0\0"
HEADER = struct.Struct("<HHIQ")  # of a part: its number (0 is free space), references, unused, bytes
FIRST_PART = 16  # bytes from the beginning of a collection
DATA = 1 << 16  # bytes; what is longer is no description and can't have its signature in the middle


class Guard(io.RawIOBase):
    """A file for reading, in which damaged collections have no signature."""

    def __init__(self, path: Path):
        self.raw = path.open("rb", buffering=0)
        self.size = self.raw.seek(0, os.SEEK_END)

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
        head = bytes(view[:DATA]) if len(view) <= DATA else bytes(view[: len(COLLECTION)])
        place = head.find(COLLECTION)
        while place >= 0:
            if not self._is_sound(start + place):
                view[place : place + 4] = bytes(4)
            place = head.find(COLLECTION, place + 1)
        self.raw.seek(start + len(view))
        return len(view)

    def _is_sound(self, address: int) -> bool:
        """Whether every part of a collection ends behind its beginning, and within the file."""
        self.raw.seek(address + len(COLLECTION))
        (size,) = struct.unpack("<Q", self.raw.read(8).ljust(8, b"\0"))
        if not FIRST_PART <= size <= self.size - address:
            return False
        self.raw.seek(address)
        content, at = self.raw.read(size), FIRST_PART
        while at + HEADER.size <= len(content):
            number, _, _, length = HEADER.unpack_from(content, at)
            step = length if number == 0 else HEADER.size + -(-length // 8) * 8
            if step < HEADER.size or at + step > len(content):
                return False
            at += step
        return True
