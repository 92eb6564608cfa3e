"""Raw files of the EMPAD detector (Tate et al., Microsc. Microanal. 22, 237 (2016)): frames without any header.

A frame is 130 x 128 float32, little endian; its last two rows are no pixels. The points of the scan stand in an XML
file beside it, or in its name, as scan_x256_y128.raw.
"""

import contextlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.containers.base import Container, Opening
from ptychograd.data.files.containers.frames import Frames, catalogue_of
from ptychograd.data.files.safety.entries import Catalogue, damage

STORED, ROWS, COLUMNS = 130, 128, 128
KIND = np.dtype("<f4")
FRAME = STORED * COLUMNS * KIND.itemsize
LARGEST_XML = 1 << 20  # bytes
NAMED = re.compile(r"_x(\d+)_y(\d+)", re.IGNORECASE)


class Empad(Container):
    """A scan of the EMPAD."""

    name = "EMPAD (.raw of 130 x 128 float32)"
    extensions = (".raw",)

    def recognises(self, path, start):
        return path.suffix.lower() == ".raw"

    @contextlib.contextmanager
    def opened(self, path: Path, opening: Opening) -> Iterator[Catalogue]:
        size = path.stat().st_size
        count, rest = divmod(size, FRAME)
        if rest or not count:
            raise InputError(
                f"it has {size:,} bytes, no multiple of the {FRAME:,} of an EMPAD frame (130 x 128 float32); it is "
                "half-written, or raw data of another detector: save these as .npy, with their shape."
            )
        grid, notes = _grid(path)
        if grid is not None and grid[0] * grid[1] != count:
            raise InputError(
                f"it holds {count:,} frames, and {grid[0]} x {grid[1]} = {grid[0] * grid[1]:,} are said to be there "
                f"({notes[0]}); it is half-written, or of another scan."
            )

        def read(begin: int, end: int, out: np.ndarray) -> None:
            with damage(f"{path} can't be read"):
                out[...] = np.memmap(path, KIND, "r", 0, (count, STORED, COLUMNS))[begin:end, :ROWS]

        shape = (count, ROWS, COLUMNS) if grid is None else (*grid, ROWS, COLUMNS)
        yield catalogue_of(Frames(shape, KIND, read, size, notes=notes), opening)


def _grid(path: Path) -> tuple[tuple[int, int] | None, tuple[str, ...]]:
    """Lines and points of the scan, and where they stand."""
    for beside in sorted(path.parent.glob("*.xml")):
        found = _of_xml(beside, path.name)
        if found is not None:
            return found, (f"scan: {found[0]} x {found[1]} points, from {beside.name}",)
    named = NAMED.search(path.stem)
    if named is None:
        return None, ()
    found = int(named[2]), int(named[1])
    return found, (f"scan: {found[0]} x {found[1]} points, from the file's name",)


def _of_xml(path: Path, raw: str) -> tuple[int, int] | None:
    """Lines and points that an XML file says of a raw file; None if it speaks of another, or says nothing."""
    with damage(f"{path.name} can't be read"):
        if path.stat().st_size > LARGEST_XML:
            return None
        try:
            root = ElementTree.fromstring(path.read_bytes())
        except ElementTree.ParseError:
            return None
    named = root.find(".//raw_file")
    if named is None or Path(named.get("filename", "").replace("\\", "/")).name != raw:
        return None
    texts = [root.findtext(f".//{name}") for name in ("pix_y", "pix_x")]
    if None in texts:
        texts = [root.findtext(f".//scan_parameters/scan_resolution_{axis}") for axis in "yx"]
    if not all(text is not None and text.strip().isdecimal() for text in texts):
        return None
    rows, columns = (int(text) for text in texts if text is not None)
    return (rows, columns) if rows > 0 and columns > 0 else None
