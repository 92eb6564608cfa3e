"""Positions that are not with the patterns, given to them: from another file, or of a raster scan."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import StoredPatterns, Whole, frozen, patterns_of
from ptychograd.data.files.containers.frames import FILE_NAME
from ptychograd.data.files.formats.base import Format
from ptychograd.data.files.formats.items import Items
from ptychograd.data.files.positions.finding import find_positions
from ptychograd.data.files.positions.matching import matched
from ptychograd.data.files.safety import Catalogue
from ptychograd.data.files.sources import Source
from ptychograd.data.geometry import format_length
from ptychograd.data.raster import RasterScan


class Part(NamedTuple):
    """A part of a scan, not assembled yet."""

    source: Source
    items: Items
    catalogue: Catalogue
    format: Format

    @property
    def count(self) -> int:
        """Number of its patterns."""
        return 0 if self.items.patterns is None else len(self.items.patterns)

    @property
    def grows(self) -> bool:
        """Whether more of them may still come."""
        return self.items.patterns is not None and patterns_of(self.items.patterns).grows


@dataclass(frozen=True)
class Beside:
    """Where the positions of a scan are, if they are not with its patterns.

    Args:
        positions: FILE, FILE:NAME, or x=PLACE,y=PLACE (`find_positions`).
        join: the column with the number of each pattern; by default they are in order.
        scan: a raster scan.

    Raises:
        InputError: two of them that say the same, or one that needs another.
    """

    positions: str | None = None
    join: str | None = None
    scan: RasterScan | None = None

    def __post_init__(self):
        if self.positions is not None and self.scan is not None:
            raise InputError("`data.positions` and `data.scan.step` are both given; give one of them.")
        if self.join is not None and self.positions is None:
            raise InputError("`data.join` needs `data.positions` beside it, the file with the column that it names.")

    def __bool__(self) -> bool:
        return self.positions is not None or self.scan is not None

    def placed(self, parts: Sequence[Part], links_into: Sequence[str | os.PathLike[str]]) -> list[Part]:
        """The parts of a scan with their positions.

        Raises:
            InputError: as many positions as patterns are expected, or a file can't be read.
        """
        for part in parts:
            if part.items.patterns is None:
                raise InputError(f"there are no patterns; the file holds {part.catalogue.listing()}.")
        if self.scan is None:
            return self._from_file(parts, links_into)
        grid = parts[0].items.grid if len(parts) == 1 else None
        values = self.scan.positions(sum(part.count for part in parts), grid)
        steps = " and ".join(map(format_length, self.scan.step))
        note = f"positions: a raster scan with steps of {steps} along y and x"
        return _divided(parts, values, "m", (note,))

    def _from_file(self, parts: Sequence[Part], links_into: Sequence[str | os.PathLike[str]]) -> list[Part]:
        found = find_positions(str(self.positions), parts[0].catalogue, self.join, links_into)
        count = sum(part.count for part in parts)
        if found.numbers is None:
            grows = any(part.grows for part in parts)
            curves = count // max(1, len(found.values))  # a position for each rocking curve will do
            fits = len(found.values) * curves == count and (curves == 1 or parts[0].items.rocking is not None)
            if not grows and not fits:
                raise InputError(
                    f"there are {count:,} patterns and {len(found.values):,} positions in {found.source}; expected as "
                    "many, or `data.join`, the column that says which pattern each belongs to."
                )
            return _divided(parts, found.values, found.unit, found.notes)
        match = matched(_frame_keys(parts, self.join), found.numbers, count, str(self.join))
        chosen, begin = [], 0
        for part in parts:
            here = (match.patterns >= begin) & (match.patterns < begin + part.count)
            if here.any():
                chosen.append(part._replace(items=_selected(part, match.patterns[here] - begin)))
            begin += part.count
        return _divided(chosen, found.values[match.positions], found.unit, (*found.notes, match.note))


def _divided(parts: Sequence[Part], values: np.ndarray, unit: str | None, notes: tuple[str, ...]) -> list[Part]:
    """The positions of all parts, one after another, given to each."""
    ends = [len(values)] if len(parts) == 1 else np.cumsum([part.count for part in parts]).tolist()
    fresh = {"unit": unit, "without_positions": None, "numbers": None, "position_numbers": None}
    return [
        part._replace(
            items=replace(part.items, positions=values[begin:end], notes=(*part.items.notes, *notes), **fresh)
        )
        for part, begin, end in zip(parts, [0, *ends[:-1]], ends, strict=True)
    ]


def _frame_keys(parts: Sequence[Part], join: str | None) -> np.ndarray | None:
    """Of each pattern its number, or the name of its file; None where nothing says it."""
    found = []
    for part in parts:
        entry: Any = part.catalogue.find(str(join)) or part.catalogue.find(FILE_NAME)
        if entry is None and part.items.numbers is None:
            return None
        if entry is None:
            found.append(np.ravel(np.asarray(part.items.numbers)))
            continue
        found.append(np.ravel(entry.load()) if entry.dtype.kind in "US" else np.ravel(entry.array()))
    return np.concatenate(found)


def _selected(part: Part, numbers: np.ndarray) -> Items:
    """Some of the patterns, and what belongs to them."""
    items, count = part.items, part.count
    if np.array_equal(numbers, np.arange(count)):
        return items
    patterns = items.patterns
    chosen = (
        _stored(patterns, numbers) if isinstance(patterns, StoredPatterns) else frozen(np.asarray(patterns)[numbers])
    )
    return replace(
        items,
        patterns=chosen,
        written=None if items.written is None else items.written[numbers],
        mask=items.mask if items.mask is None or items.mask.ndim == 2 else items.mask[numbers],
        variables={
            name: one._replace(values=one.values[numbers]) if len(one.values) == count else one
            for name, one in items.variables.items()
        },
    )


def _stored(patterns: StoredPatterns, numbers: np.ndarray) -> StoredPatterns:
    """Some of the patterns in a file, which stay there."""

    def read(begin: int, end: int, out: np.ndarray) -> None:
        patterns.read_numbers(numbers[begin:end], out)

    shape = (len(numbers), *patterns.shape[1:])
    return StoredPatterns(read, shape, patterns.dtype, patterns.keep, Whole(len(numbers)))
