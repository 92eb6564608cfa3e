"""Patterns read out of an HDF5 file while a reconstruction runs."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import h5py
import h5py.h5d as h5d
import h5py.h5p as h5p
import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.memory import aligned_empty
from ptychograd.data.dataset import StoredPatterns, StreamFromFile, Whole, frozen
from ptychograd.data.files.formats.arrival import Written
from ptychograd.data.files.safety.file_lengths import ADVICE, Lengths


def opened_hdf5(path: Path, grows: bool) -> h5py.File:
    """A file to read from; if it `grows`, one that its writer still has open (HDF5's single writer, many readers)."""
    if not grows:
        return h5py.File(path, "r")
    return h5py.File(path, "r", libver="latest", swmr=True)


def stored_patterns(
    path: Path, name: str, item: h5py.Dataset, keep: StreamFromFile, lengths: Lengths
) -> StoredPatterns:
    """The patterns of a dataset of this name, which stay in the file, or in those of which the `lengths` are known.

    Axes before the last two count patterns, the last of them fastest.
    """
    frames = _Frames(path, name, item if keep.grows else None, lengths)
    count = math.prod(item.shape[:-2])
    run = math.prod(item.chunks[:-2]) if item.chunks else 1
    arrival = Written(item) if keep.grows else Whole(count)
    rows, columns = item.shape[-2:]
    return StoredPatterns(frames.read, (count, rows, columns), item.dtype, keep, arrival, run)


def whole(item: h5py.Dataset) -> object:
    """All of a dataset; patterns, which are large, where a CPU device takes them without a copy, and read-only."""
    if item.ndim != 3 or not item.size or item.dtype.kind not in "iuf":
        return item[()]
    array = aligned_empty(item.shape, item.dtype.newbyteorder("="))
    item.read_direct(array)
    return frozen(array)


def _stretches(grid: tuple[int, ...], begin: int, end: int) -> Iterator[tuple[int, int, tuple[int | slice, ...]]]:
    """Where patterns from one number up to another are on a grid: for each row of it their numbers, and the place."""
    row = grid[-1]
    while begin < end:
        last = min(end, (begin // row + 1) * row)
        *places, first = (int(place) for place in np.unravel_index(begin, grid))
        yield begin, last, (*places, slice(first, first + last - begin))
        begin = last


class _Frames:
    """A dataset that is opened when it is first read, unless it is open because it grows, and stays open."""

    def __init__(self, path: Path, name: str, growing: h5py.Dataset | None, lengths: Lengths):
        self._path, self._name, self._lengths = path, name, lengths
        self._dataset, self._grows = growing, growing is not None

    def read(self, begin: int, end: int, out: np.ndarray) -> None:
        """Frames from `begin` up to `end`, into an array."""
        what = f'{self._path}: patterns {begin} to {end - 1} of "{self._name}"'
        try:
            dataset = self._opened()
            if dataset.ndim == 3:
                dataset.read_direct(out, np.s_[begin:end])
            for first, last, where in _stretches(dataset.shape[:-2], begin, end) if dataset.ndim > 3 else ():
                out[first - begin : last - begin] = dataset[where]
        except (OSError, RuntimeError, KeyError, ValueError) as problem:
            raise InputError(f"{what} can't be read ({problem}). {ADVICE}") from None
        if not self._grows:
            self._lengths.check(what)

    def _opened(self) -> h5py.Dataset:
        if self._dataset is None:
            access = h5p.create(h5p.DATASET_ACCESS)  # as the file was looked at: HDF5 opens nothing in two ways
            access.set_efile_prefix(os.fsencode(os.path.dirname(os.path.abspath(self._path))))
            file = opened_hdf5(Path(os.path.abspath(self._path)), False)
            self._dataset = h5py.Dataset(h5d.open(file.id, self._name.encode(), access))
        return self._dataset
