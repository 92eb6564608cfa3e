"""Medipix and Digital Micrograph files of electron microscopes, read by RosettaSciIO.

RosettaSciIO is under the GPL, version 3; this package is not. It is no dependency: it is imported only when such a file
is opened, on a machine whose owner has installed it.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.containers.base import Container, Opening
from ptychograd.data.files.containers.extras import library, needed, reports
from ptychograd.data.files.containers.frames import Frames, catalogue_of
from ptychograd.data.files.safety.entries import Catalogue

INCOMPLETE = "half-written or damaged; copy it again, or wait until it is written"


class Mib(Container):
    """Frames of a Medipix detector."""

    name = "MIB"
    extensions = (".mib",)

    def recognises(self, path, start):
        return start[:3] == b"MQ1"

    @contextlib.contextmanager
    def opened(self, path: Path, opening: Opening) -> Iterator[Catalogue]:
        with needed("rsciio", "MIB files (Medipix)"):
            from rsciio.quantumdetector import file_reader

        _check_mib(path)
        yield catalogue_of(_frames(path, file_reader), opening)


class DigitalMicrograph(Container):
    """Images of Gatan's Digital Micrograph, of which the largest is the scan."""

    name = "DM3 or DM4"
    extensions = (".dm3", ".dm4")

    def recognises(self, path, start):
        return start[:4] in (b"\0\0\0\x03", b"\0\0\0\x04") and path.suffix.lower() in self.extensions

    @contextlib.contextmanager
    def opened(self, path: Path, opening: Opening) -> Iterator[Catalogue]:
        with needed("rsciio", "DM3 and DM4 files (Digital Micrograph)"):
            from rsciio import exceptions
            from rsciio.digitalmicrograph import file_reader

        own = (
            exceptions.DM3DataTypeError,
            exceptions.DM3TagError,
            exceptions.DM3TagIDError,
            exceptions.DM3TagTypeError,
        )
        yield catalogue_of(_frames(path, file_reader, *own), opening)


def _check_mib(path: Path) -> None:
    """Refuse a file whose last frame is not whole."""
    with library(f"it is {INCOMPLETE}"), path.open("rb") as file:
        head = file.read(768).decode("latin-1").split(",")
        begin, columns, rows = int(head[2]), int(head[4]), int(head[5])
        each = begin + rows * columns * {"U08": 1, "U16": 2, "U32": 4, "R64": 8}[head[6]]
    size = path.stat().st_size
    if size % each:
        raise InputError(f"it is {INCOMPLETE}: it has {size:,} bytes, no multiple of the {each:,} of a frame.")


def _frames(path: Path, file_reader: Callable, *own: type[Exception]) -> Frames:
    """The largest stack in a file, and what it says beside."""
    with library(f"it is {INCOMPLETE}", *own), reports("rsciio"):
        found = max(file_reader(str(path), lazy=True), key=lambda one: one["data"].size)
        data, axes = found["data"], found["axes"]
    if data.ndim not in (3, 4) or 0 in data.shape:
        raise InputError(f"its largest image has shape {data.shape}; expected (index, y, x) or (slow, fast, y, x).")
    flat = data.reshape((-1, *data.shape[-2:]))

    def read(begin: int, end: int, out: np.ndarray) -> None:
        with library(f"{path} can't be read, it is {INCOMPLETE}"):
            out[...] = np.asarray(flat[begin:end])

    shape = tuple(int(n) for n in data.shape)
    return Frames(
        shape, np.dtype(data.dtype), read, path.stat().st_size, dict(_said(axes, found.get("original_metadata", {})))
    )


VOLTAGE = ("ImageList", "TagGroup0", "ImageTags", "Microscope Info", "Voltage")  # in Digital Micrograph, in volts


def _said(axes: Sequence[Mapping], tags: Mapping) -> Iterator[tuple[str, tuple[float | Sequence[float], str]]]:
    """Step of the scan, width of a pixel and voltage, where the file has them."""
    voltage: object = tags
    for name in VOLTAGE:
        voltage = voltage.get(name) if isinstance(voltage, Mapping) else None
    if isinstance(voltage, int | float) and voltage > 0:
        yield "electron_kev", (voltage / 1e3, "keV")
    for name, pair in (("step", axes[:-2]), ("pixel", axes[-2:])):
        units = {str(axis.get("units") or "") for axis in pair}
        scales = [float(axis.get("scale") or 0) for axis in pair]
        if len(pair) == 2 and len(units) == 1 and all(scales) and (unit := units.pop()):
            yield name, (scales, unit)
