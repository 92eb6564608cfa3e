"""Entries made of others: several as one, with other axes, or in another unit; none is read before it is asked for."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.memory import aligned_empty
from ptychograd.data.dataset import StoredPatterns, Whole, frozen, joined_patterns
from ptychograd.data.files.safety import Entry


def joined_entries(name: str, parts: Sequence[Entry]) -> Entry:
    """Several stacks of patterns, one after another, as one.

    Raises:
        InputError: they are of different frames or number types.
    """
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    for part in parts[1:]:
        if part.shape[1:] != first.shape[1:] or part.dtype != first.dtype:
            raise InputError(
                f"{first} and {part} can't be one stack of patterns; expected frames of one size and type."
            )
    count = sum(part.shape[0] for part in parts)
    stored = None if any(part.stored is None for part in parts) else sum(part.stored or 0 for part in parts)

    def load() -> np.ndarray:
        whole, begin = aligned_empty((count, *first.shape[1:]), first.dtype.newbyteorder("=")), 0
        for part in parts:
            whole[begin : begin + part.shape[0]] = part.array()
            begin += part.shape[0]
        return frozen(whole)

    def from_file() -> StoredPatterns:
        found = [part.from_file() for part in parts if part.from_file is not None]
        whole = joined_patterns(found, [None] * len(found))
        whole.gap_notes = None  # nobody has looked for gaps yet
        return whole

    return replace(
        first,
        name=name,
        shape=(count, *first.shape[1:]),
        load=load,
        stored=stored,
        from_file=from_file if all(part.from_file is not None for part in parts) else None,
        written=lambda: None,
    )


def flattened(entry: Entry) -> Entry:
    """Patterns (..., y, x) on a grid as (index, y, x), its last axis fastest; a single one gets an axis before it."""
    if len(entry.shape) == 3 or len(entry.shape) < 2:
        return entry
    shape = (math.prod(entry.shape[:-2]), *entry.shape[-2:])
    stays = len(entry.shape) > 3
    return replace(
        entry,
        shape=shape,
        load=lambda: entry.array().reshape(shape),
        from_file=entry.from_file if stays else None,
        written=lambda: None,
    )


def moved_axes(entry: Entry, *axes: int) -> Entry:
    """The same with its axes in another order, as `numpy.transpose` takes them; it is read whole."""
    shape = tuple(entry.shape[axis] for axis in axes)
    return replace(
        entry,
        shape=shape,
        load=lambda: np.ascontiguousarray(np.transpose(entry.array(), axes)),
        from_file=None,
        written=lambda: None,
    )


def column_major(entry: Entry) -> Entry:
    """An array of MATLAB in an HDF5 file, where its axes are reversed, as MATLAB shows it."""
    return moved_axes(entry, *reversed(range(len(entry.shape))))


def in_orientation(entry: Entry, code: int) -> Entry:
    """Patterns (index, y, x) turned by a code of ptypy and PtyLab: 4 exchanges y and x, then 2 flips y, 1 flips x.

    Patterns that stay in their file are turned as they are read.
    """
    if code == 0:
        return entry

    def turned(patterns: np.ndarray) -> np.ndarray:
        patterns = patterns.swapaxes(-1, -2) if code & 4 else patterns
        patterns = patterns[..., ::-1, :] if code & 2 else patterns
        return patterns[..., ::-1] if code & 1 else patterns

    count, rows, columns = entry.shape
    shape = (count, columns, rows) if code & 4 else (count, rows, columns)

    def from_file() -> StoredPatterns:
        stored = cast(Callable[[], StoredPatterns], entry.from_file)()

        def read(begin: int, end: int, into: np.ndarray) -> None:
            patterns = np.empty((end - begin, rows, columns), into.dtype)
            stored.read_into(begin, end, patterns)
            into[...] = turned(patterns)

        return StoredPatterns(read, shape, stored.dtype, stored.keep, Whole(count), stored.run)

    return replace(
        entry,
        shape=shape,
        load=lambda: np.ascontiguousarray(turned(entry.array())),
        from_file=None if entry.from_file is None else from_file,
        written=lambda: None,
    )


def in_unit(entry: Entry, unit: str) -> Entry:
    """The same in a unit, where the file states none."""
    return entry if entry.units is not None else replace(entry, units=unit)
