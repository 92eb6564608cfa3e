"""Columns of a table, or arrays of a file, by their names: their units, and which of them are y and x."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.formats.quantities import PIXELS
from ptychograd.data.geometry import LENGTHS, unit_size

_IN_BRACKETS = re.compile(r"(.+?)\s*[(\[]\s*([^)\]]*)\s*[)\]]")
_BEHIND = re.compile(r"(.+?)\s*[/_ ]\s*([^/_ ]+)")
PAIRS = (("row", "column"), ("row", "col"), ("rows", "columns"), ("vertical", "horizontal"))  # of y and x


class Column(NamedTuple):
    """Numbers, or texts, with their name and unit.

    Args:
        name: without the unit, in small letters.
        unit: one of lengths or pixels; None where nobody says it.
        load: reads the values.
        label: how a person finds it.
        whole: the name with the unit, as it was written.
    """

    name: str
    unit: str | None
    load: Callable[[], np.ndarray]
    label: str
    whole: str

    def is_called(self, name: str) -> bool:
        """Whether that is its name, with the unit or without."""
        return name.strip().lower() in (self.name, self.whole.lower())


def named(text: str, values: np.ndarray, label: str) -> Column:
    """A column by what its header says, as "x (um)", "x [um]", "x/um" or "x_um"."""
    name, unit = divided(text)
    return Column(name.lower(), unit, lambda: values, label, text.strip())


def divided(text: str) -> tuple[str, str | None]:
    """A name and its unit, if it has one.

    Raises:
        InputError: a unit in brackets that is none of lengths, of a column that may be a position.
    """
    text = text.strip()
    found = _IN_BRACKETS.fullmatch(text)
    if found is not None:
        return found[1].strip(), found[2].strip() or None
    found = _BEHIND.fullmatch(text)
    return (found[1], found[2]) if found is not None and is_unit(found[2]) else (text, None)


def is_unit(text: str) -> bool:
    """Whether a text is a unit in which positions are."""
    return unit_size(text, LENGTHS) is not None or unit_size(text, PIXELS) is not None


def places(columns: Sequence[Column], source: str) -> tuple[Column, Column]:
    """The columns of y and of x: the one pair whose names differ by these letters alone.

    Raises:
        InputError: there is none, or several of which none is called just y and x.
    """
    names = {column.name: column for column in columns if column.name}
    if not names:
        raise InputError(
            f"{source} has no names above its {len(columns)} columns, so it doesn't say which is x; write them above "
            f"(as x_um,y_um), or say `data.positions=x={source}:1,y={source}:2`, with a unit behind, as :um."
        )
    found = [(names[other], column) for name, column in names.items() for other in _others(name) if other in names]
    exact = [pair for pair in found if (pair[0].name, pair[1].name) == ("y", "x")]
    pairs = exact or found
    if len(pairs) == 1:
        return pairs[0]
    there = ", ".join(column.whole for column in columns)
    if not pairs:
        raise InputError(f"{source} has no columns of x and y: it has {there}; name them, {way_to(source)}.")
    texts = " or ".join(f"{x.whole} and {y.whole}" for y, x in pairs)
    raise InputError(f"{source} has several columns of x and y, {texts}; choose, {way_to(source)}.")


def way_to(source: str) -> str:
    """How columns are chosen, as a part of a sentence."""
    return f"as `data.positions=x={source}:NAME,y={source}:NAME`"


def _others(name: str) -> list[str]:
    """The names of y that go with one of x."""
    by_letter = [f"{name[:at]}y{name[at + 1 :]}" for at, letter in enumerate(name) if letter == "x"]
    return by_letter + [y for y, x in PAIRS if x == name]
