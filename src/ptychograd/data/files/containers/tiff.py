"""TIFF images and stacks, read by tifffile."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from ptychograd.core.errors import InputError
from ptychograd.data.files.containers.extras import library, needed, reports
from ptychograd.data.files.containers.frames import Frames, Images
from ptychograd.data.files.safety.bounds import check_expansion
from ptychograd.data.files.safety.entries import damage

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
INCOMPLETE = "half-written or damaged; copy it again, or wait until it is written"


class Tiff(Images):
    """Frames as TIFF: one a file, or a stack."""

    name = "TIFF"
    extensions = (".tif", ".tiff")

    def recognises(self, path, start):
        return start[:4] in SIGNATURES

    def frames(self, path):
        with _opened(path) as file:
            frames = _in_one_block(path, file)
            return frames or _page_by_page(path, file)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tifffile.TiffFile]:
    """A TIFF file, of which tifffile reports no damage: it logs what it can't find, and goes on without."""
    with library(f"it is {INCOMPLETE}"), reports("tifffile") as complaints, tifffile.TiffFile(path) as file:
        count = len(file.pages) and len(file.series)  # looks at all of them
        if complaints or not count:
            raise InputError(f"it is {INCOMPLETE} ({complaints[0] if complaints else 'it has no image'}).")
        yield file


def _in_one_block(path: Path, file: tifffile.TiffFile) -> Frames | None:
    """Frames that lie one after another in the file, as ImageJ and tifffile write them; None if they don't."""
    series = file.series
    if len(series) != 1 or series[0].dataoffset is None or not series[0].dtype:
        return None
    one: Any = series[0]
    size = path.stat().st_size
    _check_axes(one.axes, one.shape)
    shape, dtype, offset = (int(np.prod(one.shape[:-2], dtype=object)), *one.shape[-2:]), one.dtype, one.dataoffset
    needed = offset + int(np.prod(shape, dtype=object)) * dtype.itemsize
    if needed > size:
        raise InputError(f"it is {INCOMPLETE}: its {shape[0]:,} frames need {needed:,} bytes, and it has {size:,}.")
    dtype = dtype.newbyteorder(file.byteorder)

    def read(begin: int, end: int, out: np.ndarray) -> None:
        with damage(f"{path} can't be read"):
            out[...] = np.memmap(path, dtype, "r", offset, shape)[begin:end]

    return Frames(shape, dtype, read, size)


def _page_by_page(path: Path, file: tifffile.TiffFile) -> Frames:
    """Frames that are compressed, or scattered over the file."""
    pages = _pages(file)
    for series in file.series:
        _check_axes(series.axes, series.shape)
    first, size = pages[0], path.stat().st_size
    for page in pages:
        if page.shape != first.shape or page.dtype != first.dtype:
            raise InputError(
                f"its images are not alike: {first.shape} {first.dtype} and {page.shape} {page.dtype}; keep the "
                "patterns in a file of their own."
            )
        ends = [begin + length for begin, length in zip(page.dataoffsets, page.databytecounts, strict=True)]
        if max(ends, default=0) > size:
            raise InputError(f"it is {INCOMPLETE}: an image ends at byte {max(ends):,}, and it has {size:,}.")
    if first.dtype is None or len(first.shape) != 2:
        raise InputError(f"its images have shape {first.shape}; expected grey ones, (y, x).")
    frames = Frames((len(pages), *first.shape), first.dtype, _Pages(path).read, size)
    check_expansion(path.name, int(np.prod(frames.shape, dtype=object)) * first.dtype.itemsize, size)
    return frames


def _pages(file: tifffile.TiffFile) -> list:
    """All images, in order."""
    return [page for series in file.series for page in series.pages if page is not None]


def _check_axes(axes: str, shape: Sequence[int]) -> None:
    if "S" in axes:
        raise InputError(f"it is a colour picture, of shape {tuple(shape)}; expected frames of a detector, in grey.")
    if axes[-2:] != "YX":
        raise InputError(f"its axes are {axes}, of shape {tuple(shape)}; expected y and x last.")


class _Pages:
    """The pages of a file, which is opened when the first is read, and stays open."""

    def __init__(self, path: Path):
        self._path, self._lock = path, threading.Lock()
        self._pages: list | None = None

    def read(self, begin: int, end: int, out: np.ndarray) -> None:
        """Frames from one number up to another, into an array."""
        what = f"{self._path}: frames {begin} to {end - 1} can't be read, it is {INCOMPLETE}"
        with self._lock, library(what), reports("tifffile"), needed("imagecodecs", "TIFF files compressed in this way"):
            if self._pages is None:
                self._pages = _pages(tifffile.TiffFile(self._path))
            for number in range(begin, end):
                out[number - begin] = self._pages[number].asarray()
