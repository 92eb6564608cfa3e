"""The bytes of an HDF5 file, looked at before HDF5 sees them.

HDF5 (2.0.0) never comes back from a collection of its global heap, which holds texts and the maps of virtual
datasets, if a part of it has a size with which the next part begins where it began. Such a collection loses its
signature here, and HDF5 calls the file damaged. The same happens to maps with more axes than an array can have, for
which HDF5 writes beyond its own memory, and to names of a group and nodes of a tree that lead in a
circle.
"""

import io
import os
import struct
from pathlib import Path

COLLECTION = b"GCOL\x01\0\0\0"
READ = 5  # bytes of these two that HDF5 reads itself: the name and the version, and not what is reserved
NODE, NONE = b"TREE", 2**64 - 1  # of a tree of links or chunks; the address after the last one
NAMES = b"HEAP\0\0\0\0"  # of a local heap, which holds the names of a group
LAST_FREE = 1  # in place of the next free one
HEADER = struct.Struct("<HHIQ")  # of a part: its number (0 is free space), references, unused, bytes
FIRST_PART = 16  # bytes from the beginning of a collection
MAP = struct.Struct("<BQ")  # of a virtual dataset: a version, and how many sources
NOTHING, POINTS, BLOCKS, ALL = range(4)  # kinds of selections
MOST_AXES = 32
DATA = 1 << 16  # bytes; what is longer is no description and can't have its signature in the middle


class Guard(io.RawIOBase):
    """A file for reading, in which damaged collections have no signature."""

    def __init__(self, path: Path):
        self.raw = path.open("rb", buffering=0)
        self.size = self.raw.seek(0, os.SEEK_END)
        self.ending: set[int] = set()  # nodes after which there is a last one

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
        marks = ((COLLECTION[:READ], self._is_sound), (NAMES[:READ], self._ends), (NODE, self._has_last))
        for mark, is_sound in marks:
            place = head.find(mark)
            while place >= 0:
                if not is_sound(start + place):
                    view[place : place + 4] = bytes(4)
                place = head.find(mark, place + 1)
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
            if number and not _axes_are_possible(content[at + HEADER.size : at + HEADER.size + length]):
                return False
            at += step
        return True

    def _ends(self, address: int) -> bool:
        """Whether the free places of a local heap come to an end."""
        self.raw.seek(address + len(NAMES))
        size, place, data = struct.unpack("<QQQ", self.raw.read(24).ljust(24, b"\0"))
        if size > self.size or data > self.size:
            return place == LAST_FREE
        seen: set[int] = set()
        while place != LAST_FREE and place + 16 <= size:
            if place in seen:
                return False
            seen.add(place)
            self.raw.seek(data + place)
            place = int.from_bytes(self.raw.read(8), "little")
        return True

    def _has_last(self, address: int) -> bool:
        """Whether the nodes to the right of one of a tree come to an end."""
        seen: set[int] = set()
        while address < self.size and address not in self.ending:
            if address in seen:
                return False
            seen.add(address)
            self.raw.seek(address)
            node = self.raw.read(24)
            address = int.from_bytes(node[16:], "little") if node[:4] == NODE and len(node) == 24 else NONE
        self.ending |= seen
        return True


def _axes_are_possible(part: bytes) -> bool:
    """False if a part is the map of a virtual dataset whose selections have no axes, or too many.

    What is no such map, or a damaged one that HDF5 finds out by itself, is left to HDF5.
    """
    if len(part) < MAP.size or part[0] != 0:
        return True
    at = MAP.size
    try:
        for _ in range(MAP.unpack_from(part)[1]):
            for _ in range(2):  # names of the source's file and of the source
                at = part.index(b"\0", at) + 1
            for _ in range(2):  # what is taken from the source, and where it goes
                axes, length = _selection(part[at:])
                if not 1 <= axes <= MOST_AXES:
                    return False
                at += length
    except (struct.error, ValueError):
        return True
    return True


def _selection(part: bytes) -> tuple[int, int]:
    """Axes and bytes of a selection; 1 axis if all or nothing is selected."""
    kind, version = struct.unpack_from("<II", part)
    if kind in (NOTHING, ALL):
        return 1, 16
    if kind not in (POINTS, BLOCKS) or not 1 <= version <= 3:
        raise ValueError("no selection")
    if version == 1:
        length, axes = struct.unpack_from("<II", part, 12)
        return axes, 16 + length
    if kind == POINTS:
        size, axes = struct.unpack_from("<BI", part, 8)
        return axes, 13 + size + int.from_bytes(part[13 : 13 + size], "little") * axes * size
    if version == 2:
        length, axes = struct.unpack_from("<II", part, 9)
        return axes, 13 + length
    regular, size, axes = struct.unpack_from("<BBI", part, 8)
    if regular & 1:
        return axes, 14 + 4 * axes * size
    return axes, 14 + size + int.from_bytes(part[14 : 14 + size], "little") * 2 * axes * size
