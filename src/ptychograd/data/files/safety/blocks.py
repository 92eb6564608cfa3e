"""Blocks of an HDF5 file that lead from one to the next, followed before HDF5 follows them.

HDF5 (2.0.0) never comes back from a collection of its global heap, which holds texts and the maps of virtual datasets,
if a part of it has no size; nor from the free places among the names of a group, or the nodes of a tree, that lead in
a circle. For maps with more axes than an array can have it writes beyond its own memory. Only that is told here: all
other damage HDF5 finds by itself. (HDF5 File Format Specification 3.0, III.A, III.D, III.E and IV.A.2.)
"""

import io
import struct
from collections.abc import Iterator
from functools import cached_property

FILE = b"\x89HDF\r\n\x1a\n"  # at the file's beginning, or behind a block of its user at 512, 1024, 2048, ...
COLLECTION = b"GCOL\1"  # what HDF5 reads of a signature: the name and the version, and not what is reserved
NODE = b"TREE"  # of a tree of links or chunks
NAMES = b"HEAP\0"  # of a local heap, which holds the names of a group
LAST_FREE = 1  # in place of the next free one
HEAD = 8  # bytes of each of these before its first length or address
MAP = struct.Struct("<BQ")  # of a virtual dataset: a version, and how many sources
NOTHING, POINTS, BLOCKS, ALL = range(4)  # kinds of selections
MOST_AXES = 32


class Blocks:
    """What leads on in an open file of `size` bytes; addresses of blocks are those in the file of the system."""

    def __init__(self, raw: io.FileIO, size: int):
        self.raw, self.size = raw, size
        self.ending: set[int] = set()  # nodes after which there is a last one

    def _bytes(self, address: int, size: int) -> bytes:
        if address + size > self.size:
            return b""
        self.raw.seek(address)
        return self.raw.read(size)

    @cached_property
    def base(self) -> int:
        """Where HDF5's own bytes begin, from which its addresses are counted."""
        places = (0, *(512 << number for number in range(self.size.bit_length())))
        return next((place for place in places if self._bytes(place, len(FILE)) == FILE), 0)

    @cached_property
    def _sizes(self) -> tuple[int, int]:
        head = self._bytes(self.base, 16)
        first = 13 if head[8:9] in (b"\0", b"\1") else 9
        sizes = tuple(head[first : first + 2])
        return (sizes[0], sizes[1]) if len(sizes) == 2 and all(size in (2, 4, 8, 16, 32) for size in sizes) else (8, 8)

    @property
    def offset_size(self) -> int:
        """Bytes of an address."""
        return self._sizes[0]

    @property
    def length_size(self) -> int:
        """Bytes of a length."""
        return self._sizes[1]

    def steps_on(self, address: int) -> bool:
        """False if a part of a collection ends where it begins, or not within the collection."""
        return all(0 < step <= left for _, _, step, left in self._parts(address))

    def _parts(self, address: int) -> Iterator[tuple[int, bytes, int, int]]:
        """The numbered parts of a collection (0: free space), what they hold, the bytes to the next and to the end."""
        length = self.length_size
        size = int.from_bytes(self._bytes(address + HEAD, length), "little")
        content, header = self._bytes(address, size), _padded(HEAD + length)
        at = header
        while at + header <= len(content):
            number = int.from_bytes(content[at : at + 2], "little")
            held = int.from_bytes(content[at + HEAD : at + HEAD + length], "little")
            step = held if number == 0 else header + _padded(held)
            yield number, content[at + header : at + header + held], step, len(content) - at
            if step == 0:
                return
            at += step

    def map_is_possible(self, address: int, number: int) -> bool:
        """False if a part of the collection at an address that HDF5 counts is a map with no axes, or too many."""
        place = self.base + address
        if self._bytes(place, len(COLLECTION)) != COLLECTION:
            return True
        return all(_axes_are_possible(part) for own, part, *_ in self._parts(place) if own == number)

    def frees_end(self, address: int) -> bool:
        """False if the free places of a local heap lead in a circle."""
        length = self.length_size
        head = self._bytes(address + HEAD, 2 * length + self.offset_size)
        size, place, data = (
            int.from_bytes(part, "little") for part in (head[:length], head[length : 2 * length], head[2 * length :])
        )
        data += self.base
        seen: set[int] = set()
        while place != LAST_FREE and place + 2 * length <= size and data + place + length <= self.size:
            if place in seen:
                return False
            seen.add(place)
            place = int.from_bytes(self._bytes(data + place, length), "little")
        return True

    def has_last(self, address: int) -> bool:
        """False if the nodes to the right of one of a tree lead in a circle."""
        seen: set[int] = set()
        while address not in self.ending:
            if address in seen:
                return False
            node = self._bytes(address, HEAD + 2 * self.offset_size)
            if node[: len(NODE)] != NODE:
                break
            seen.add(address)
            address = self.base + int.from_bytes(node[HEAD + self.offset_size :], "little")
        self.ending |= seen
        return True


def _padded(size: int) -> int:
    """The next multiple of 8."""
    return -(-size // 8) * 8


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
