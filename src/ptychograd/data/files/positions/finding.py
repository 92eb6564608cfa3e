"""Where positions are that lie beside the patterns, as a person names it, and reading them."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.formats.keymap import KNOWN, READERS
from ptychograd.data.files.formats.quantities import PIXELS
from ptychograd.data.files.positions.columns import Column, divided, is_unit, places, way_to
from ptychograd.data.files.positions.tables import is_text, read_table
from ptychograd.data.files.safety import Catalogue, Entry, opened
from ptychograd.data.geometry import LENGTHS, unit_size
from ptychograd.data.position_places import places_in


class FoundPositions(NamedTuple):
    """Positions as they are beside the patterns.

    Args:
        values: (index, 2), (y, x).
        unit: "m", "pixel", or None where nobody says it.
        numbers: of each, the number or the name of its pattern; None if they are in the patterns' order.
        notes: what was guessed.
        source: where they are, in words.
    """

    values: np.ndarray
    unit: str | None
    numbers: np.ndarray | None
    notes: tuple[str, ...]
    source: str


class Place(NamedTuple):
    """A file (None: that of the patterns), an array or a column in it (maybe empty), and its unit, if it is said."""

    file: Path | None
    name: str
    unit: str | None

    @classmethod
    def of(cls, text: str) -> "Place":
        """The place that a text means: FILE, FILE:NAME, or NAME in the file of the patterns, each with :UNIT behind."""
        parts = text.strip().split(":")
        named = next((n for n in range(len(parts), 0, -1) if os.path.isfile(":".join(parts[:n]))), 0)
        rest = parts[named:]
        unit = rest.pop() if len(rest) + bool(named) > 1 and rest and is_unit(rest[-1]) else None
        return cls(Path(":".join(parts[:named])) if named else None, ":".join(rest), unit)

    @classmethod
    def within(cls, text: str) -> "Place":
        """The place that NAME or NAME:UNIT means in the file of the patterns."""
        name, colon, unit = text.strip().rpartition(":")
        return cls(None, name, unit) if colon and is_unit(unit) else cls(None, text.strip(), None)


def find_positions(
    text: str, data: Catalogue, join: str | None, links_into: Iterable[str | os.PathLike[str]] = ()
) -> FoundPositions:
    """The positions that a text names: FILE, FILE:NAME, or x=...,y=... with the place of each.

    Args:
        data: the file of the patterns, in which arrays are that are named without a file.
        join: the column that holds the number of each pattern, or its file's name; None: they are in order.
        links_into: folders that a file of positions may lead to.

    Raises:
        InputError: no such file, array or column, several that it could be, or x and y that don't go together.
    """
    whole = [Place.of(part) for part in places_in(text)]
    if len(whole) == 2:
        x, y = (_column(place, data, links_into) for place in whole)
        joined_by = None if join is None else _column(Place(whole[0].file, join, None), data, links_into).load()
        return _of_axes(y, x, joined_by, text)
    place = whole[0]
    if place.file is None:
        entry = data.find(place.name)
        if entry is None:
            raise InputError(f'positions: there is no file "{text}", and the patterns\' file holds no such array.')
        return _of_entry(entry, place.unit, None, text)
    if is_text(place.file):
        return _of_table(read_table(place.file), place, join)
    with opened(place.file, links_into) as catalogue:
        return _of_catalogue(catalogue, place, join)


def on_axes(data: Catalogue, y: str, x: str) -> FoundPositions:
    """Positions of two arrays of the patterns' file, each with its unit behind, as /entry/x:um."""
    columns = [_column(Place.within(text), data, ()) for text in (y, x)]
    return _of_axes(columns[0], columns[1], None, "the file")


def _of_table(columns: Sequence[Column], place: Place, join: str | None) -> FoundPositions:
    """Positions of a table, of which a place may say the unit."""
    source = str(place.file)
    if place.name:
        raise InputError(
            f'positions: "{place.name}" is no unit; name one column for each of x and y, {way_to(source)}.'
        )
    y, x = (_in_unit(column, place.unit) for column in places(columns, source))
    numbers = None if join is None else _called(columns, join, source).load()
    found = _of_axes(y, x, numbers, source)
    return found._replace(notes=(*found.notes, f"positions: y and x are {y.whole} and {x.whole} of {place.file}"))


def _of_catalogue(catalogue: Catalogue, place: Place, join: str | None) -> FoundPositions:
    """Positions of a file of arrays: those that are named, or those with a known name, or two arrays of x and y."""
    source = str(place.file)
    columns = [_column_of(entry) for entry in catalogue.walk() if entry.dtype.kind in "uif"]
    numbers = None
    if join is not None:
        entry = catalogue.find(join)
        numbers = _called(columns, join, source).load() if entry is None else entry.array()
    if place.name:
        entry = catalogue.find(place.name)
        if entry is None:
            _check_unit(catalogue, place.name)
            raise InputError(f'positions: {source} has no array "{place.name}"; it holds {catalogue.listing()}.')
        return _of_entry(entry, place.unit, numbers, source)
    entries = [entry for entry in catalogue.walk() if _is_positions(entry)]
    known = [entry for name in KNOWN["positions"] for entry in entries if entry.leaf == name] or entries
    if len(known) == 1 or (known and known[0].leaf != known[1].leaf and known[0].leaf in KNOWN["positions"]):
        found = _of_entry(known[0], place.unit, numbers, source)
        return found._replace(notes=(f"positions: guessed {known[0]} of {source}", *found.notes))
    if known:
        raise InputError(f"positions: {source} could mean any of {', '.join(map(str, known))}; say {source}:NAME.")
    y, x = (_in_unit(column, place.unit) for column in places(columns, source))
    found = _of_axes(y, x, numbers, source)
    return found._replace(notes=(*found.notes, f"positions: guessed y and x, {y.label} and {x.label} of {source}"))


def _is_positions(entry: Entry) -> bool:
    return len(entry.shape) == 2 and entry.dtype.kind in "uif" and (entry.shape[1] in (2, 3) or entry.shape[0] == 2)


def _of_entry(entry: Entry, unit: str | None, numbers: np.ndarray | None, source: str) -> FoundPositions:
    """One array of both axes."""
    items = READERS["positions"](entry if unit is None else replace(entry, units=unit))
    return FoundPositions(np.asarray(items.positions), items.unit, numbers, items.notes, source)


def _column(place: Place, data: Catalogue, links_into: Iterable[str | os.PathLike[str]]) -> Column:
    """One axis, read."""
    if place.file is None:
        entry = data.find(place.name)
        if entry is None:
            _check_unit(data, place.name)
            raise InputError(
                f'positions: there is no file or array "{place.name}"; expected FILE:NAME, or an array of the '
                f"patterns' file, which holds {data.listing()}."
            )
        return _in_unit(_loaded(_column_of(entry)), place.unit)
    if is_text(place.file):
        return _in_unit(_called(read_table(place.file), place.name, str(place.file)), place.unit)
    with opened(place.file, links_into) as catalogue:
        entry = catalogue.find(place.name)
        if entry is None:
            _check_unit(catalogue, place.name)
            raise InputError(f'positions: {place.file} has no array "{place.name}"; it holds {catalogue.listing()}.')
        return _in_unit(_loaded(_column_of(entry)), place.unit)


def _check_unit(catalogue: Catalogue, name: str) -> None:
    """Refuse what would be an array, but for the unit behind it."""
    path, colon, unit = name.rpartition(":")
    if colon and catalogue.find(path) is not None:
        raise InputError(f'positions: "{unit}" is no unit of "{path}"; expected one of {", ".join(LENGTHS)}, or pixel.')


def _column_of(entry: Entry) -> Column:
    leaf, unit = divided(entry.name.rsplit("/", 1)[-1])
    return Column(leaf.lower(), entry.units or unit, entry.array, str(entry), entry.name)


def _loaded(column: Column) -> Column:
    values = column.load()
    return column._replace(load=lambda: values)


def _in_unit(column: Column, unit: str | None) -> Column:
    return column if unit is None else column._replace(unit=unit)


def _called(columns: Sequence[Column], name: str, source: str) -> Column:
    """The column of a name, or of a number counted from 1."""
    found = [column for column in columns if column.is_called(name)]
    if not found and name.isdecimal() and 1 <= int(name) <= len(columns):
        found = [columns[int(name) - 1]]
    if len(found) != 1:
        there = ", ".join(column.whole or str(place) for place, column in enumerate(columns, start=1))
        raise InputError(f'{source} has {len(found) or "no"} columns "{name}"; it has {there}.')
    return found[0]


def _of_axes(y: Column, x: Column, numbers: np.ndarray | None, source: str) -> FoundPositions:
    """Positions of two columns, in metres if both have a unit of length."""
    axes = [np.asarray(column.load()) for column in (y, x)]
    for column, values in zip((y, x), axes, strict=True):
        if values.dtype.kind not in "uif":
            raise InputError(f"{column.label} holds texts; expected numbers, the positions along one axis.")
    notes: tuple[str, ...] = ()
    if axes[0].shape != axes[1].shape and axes[0].ndim == axes[1].ndim == 1:
        notes = (f"positions: the {axes[0].size} values of y and {axes[1].size} of x taken as the axes of a grid",)
        axes = list(np.meshgrid(*axes, indexing="ij"))
    sizes = [_size(column) for column in (y, x)]
    kinds = {kind for kind, _ in sizes}
    if len(kinds) > 1:
        units = " and ".join(f"{column.label} in {column.unit or 'no unit'}" for column in (y, x))
        raise InputError(f"positions: {units}; expected lengths, or pixels, for both.")
    values = np.stack([np.ravel(one) * size for one, (_, size) in zip(axes, sizes, strict=True)], axis=1)
    return FoundPositions(values, kinds.pop(), numbers, notes, source)


def _size(column: Column) -> tuple[str | None, float]:
    """The kind of a unit, and its size."""
    if column.unit is None:
        return None, 1.0
    size = unit_size(column.unit, LENGTHS)
    if size is not None:
        return "m", size
    if unit_size(column.unit, PIXELS) is None:
        raise InputError(f'{column.label} is in "{column.unit}"; expected one of {", ".join(LENGTHS)}, or pixel.')
    return "pixel", 1.0
