"""What a file holds that no format knows: its arrays and numbers, which of them could be what, and what is missing."""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ptychograd.core.errors import InputError
from ptychograd.data.files import FORMATS, Entry, opened
from ptychograd.data.files.formats.items import Items
from ptychograd.data.files.formats.keymap import Keys, chosen
from ptychograd.data.files.formats.native import Native
from ptychograd.data.geometry import ENERGIES, LENGTHS, unit_size

NEEDED = ("patterns", "positions", "energy", "distance", "pixel_size")  # for a reconstruction in metres
FORMS = {  # what a key may be given as, for what no array could be
    "patterns": "PATH",
    "positions": "PATH",
    "energy": "8:keV",
    "distance": "1:m",
    "pixel_size": "55:um",
}
_LAST_WORD = re.compile(r"[_\-. (\[]([A-Za-zµμÅ]+)[)\]]?$")  # of a name, which may be a unit
_PARTS_OF_NAMES = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


class Listed(NamedTuple):
    """An array or a number of a file.

    Args:
        name: its path in the file.
        shape: of the array.
        kind: the type of its numbers.
        units: what the file says; empty if it says nothing.
        value: the number itself, if it is one.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    units: str
    value: float | None

    @property
    def name_parts(self) -> list[str]:
        """The words of its name and of the group that it is in, in small letters; those of the name come first."""
        names = self.name.split("/")[-1:] + self.name.split("/")[-2:-1]
        return [word.lower() for name in names for word in _PARTS_OF_NAMES.findall(name)]

    def unit_in_name(self, units: Mapping[str, float]) -> str:
        """The unit with which its name ends, as mm of x_mm, if it is one of these; else empty."""
        found = _LAST_WORD.search(self.name.rsplit("/", 1)[-1])
        return found[1] if found is not None and unit_size(found[1], units) is not None else ""

    @property
    def cells(self) -> tuple[str, ...]:
        """It in words: path, shape, type, value and unit."""
        value = "" if self.value is None else f"{self.value:.10g}"
        return (self.name, str(self.shape), self.kind, value, self.units)

    @property
    def is_real(self) -> bool:
        """Whether it holds real numbers."""
        return self.kind.startswith(("int", "uint", "float"))


class Guess(NamedTuple):
    """A key for an item, as "mono/energy:keV", and where that comes from, in words."""

    key: str
    reason: str


class Contents(NamedTuple):
    """What a file holds, and what of it is to be said before it can be read.

    Args:
        arrays: all arrays and numbers.
        missing: the items that no format finds, of `NEEDED`; none of a file of our own.
        guesses: what could be the missing items, by their names.
    """

    arrays: tuple[Listed, ...]
    missing: tuple[str, ...]
    guesses: Mapping[str, Guess]

    @property
    def lines(self) -> list[str]:
        """Each array with its path, shape, type, unit and, if it is one number, value."""
        return ["  ".join(filter(None, one.cells)) for one in self.arrays]

    def needed(self) -> Iterator[tuple[str, str, str]]:
        """Of each missing item its name, the key to give for it, and where that is guessed from, if it is."""
        for item in self.missing:
            name = "wavelength" if item == "energy" and "wavelength" in self.guesses else item
            guess = self.guesses.get(name)
            yield (name, FORMS[name], "") if guess is None else (name, guess.key, guess.reason)


class Quantity(NamedTuple):
    """How a number of the experiment is known: by words of its name, and by what it can be in some units.

    Args:
        name_parts: one of them is in the name.
        others: none of them is.
        units: with their sizes.
        least: the smallest that it can be, in the unit of the sizes.
        most: the largest.
        tried: units in which a number without one may be, the likeliest first.
    """

    name_parts: frozenset[str]
    others: frozenset[str]
    units: Mapping[str, float]
    least: float
    most: float
    tried: tuple[str, ...]

    def size(self, unit: str) -> float | None:
        """The size of a unit, if it is one of this quantity."""
        return unit_size(unit, self.units)


NOT_OF_DETECTOR = frozenset({"focus", "focal", "source", "slit", "defocus", "slice", "ring", "storage"})
QUANTITIES = {
    "wavelength": Quantity(
        frozenset({"wavelength", "lambda"}), frozenset(), LENGTHS, 1e-12, 1e-7, ("m", "nm", "Å", "pm")
    ),
    "energy": Quantity(
        frozenset({"energy"}), frozenset({"ring", "storage", "electron"}), ENERGIES, 0.03, 200.0, ("keV", "eV", "J")
    ),
    "distance": Quantity(
        frozenset({"distance", "detz", "zdet", "camlen"}), NOT_OF_DETECTOR, LENGTHS, 1e-3, 100.0, ("m", "mm")
    ),
    "pixel_size": Quantity(
        frozenset({"pixel", "pixelsize", "pix", "pitch"}),
        frozenset({"count", "mask"}),
        LENGTHS,
        1e-7,
        2e-3,
        ("m", "mm", "µm"),
    ),
}


def contents(path: Path, keys: Keys | None = None, links_into: Sequence[str] = ()) -> Contents:
    """What a file holds, and which keys it needs beside those that are given.

    Args:
        path: the file.
        keys: those that are given.
        links_into: folders that it may lead to.

    Raises:
        InputError: the file can't be opened.
    """
    given = dict(keys or {})
    with opened(path, links_into) as catalogue:
        arrays = tuple(_listed(entry) for entry in catalogue.walk())
        format = next(format for format in FORMATS if format.recognises(catalogue))
        try:
            found = chosen(catalogue, given, format.readers)
            found = format.read(catalogue, found, format.readers)
        except InputError:
            found = None
    needed = () if isinstance(format, Native) else NEEDED
    missing = tuple(name for name in needed if name not in given and not _has(found, name))
    missing = tuple(name for name in missing if not (name == "energy" and {"wavelength", "energy_kev"} & given.keys()))
    return Contents(arrays, missing, dict(_guesses(arrays, missing)))


def _has(found: Items | None, name: str) -> bool:
    return found is not None and found.has("wavelength" if name == "energy" else name)


def _listed(entry: Entry) -> Listed:
    value = None
    if entry.size == 1 and entry.dtype.kind in "uif":
        try:
            value = entry.number()
        except InputError:
            value = None
    return Listed(entry.name, entry.shape, str(entry.dtype), entry.units or "", value)


def _guesses(arrays: Sequence[Listed], missing: Collection[str]) -> Iterator[tuple[str, Guess]]:
    """What could be the missing items."""
    stacks = [one for one in arrays if one.is_real and len(one.shape) == 3 and min(one.shape) > 0]
    patterns = max(stacks, key=lambda one: math.prod(one.shape), default=None)
    if "patterns" in missing and patterns is not None:
        yield "patterns", Guess(patterns.name, "by its shape")
    if "positions" in missing and patterns is not None:
        place = _positions(arrays, patterns.shape[0])
        if place is not None:
            yield "positions", place
    for name in ("distance", "pixel_size"):
        if name in missing and (found := _number(arrays, name)) is not None:
            yield name, found
    if "energy" in missing:
        found = {name: guess for name in ("wavelength", "energy") if (guess := _number(arrays, name)) is not None}
        yield from list(found.items())[:1]


def _positions(arrays: Sequence[Listed], count: int) -> Guess | None:
    """The only array of two numbers a pattern, or the only two with one each that are called y and x."""
    pairs = [one for one in arrays if one.is_real and one.shape in ((count, 2), (2, count))]
    if len(pairs) == 1:
        unit = "" if pairs[0].units else pairs[0].unit_in_name(LENGTHS)
        return (
            Guess(f"{pairs[0].name}:{unit}", f"by its shape, in {unit} by its name")
            if unit
            else Guess(pairs[0].name, "by its shape")
        )
    rows = [one for one in arrays if one.is_real and one.shape in ((count,), (count, 1), (1, count))]
    named = {axis: [one for one in rows if _is_called(one, axis)] for axis in "yx"}
    if pairs or any(len(found) != 1 for found in named.values()):
        return None
    y, x = named["y"][0], named["x"][0]
    units = [one.units or one.unit_in_name(LENGTHS) for one in (y, x)]
    if not units[0] or units[0] != units[1] or y.units or x.units:
        return Guess(f"{y.name},{x.name}", "by their names and shapes, y before x")
    return Guess(f"{y.name}:{units[0]},{x.name}:{units[1]}", f"by their names, in {units[0]}, and shapes, y before x")


def _is_called(one: Listed, axis: str) -> bool:
    """Whether an array is called by an axis: y, posy, motor_y, pos_y_um."""
    leaf = re.sub(r"_(m|mm|um|µm|nm|px)$", "", one.name.rsplit("/", 1)[-1].lower())
    return leaf == axis or re.fullmatch(rf"(.*[_\-. ]|pos|p|motor|stage|piezo|sample){axis}", leaf) is not None


def _number(arrays: Sequence[Listed], name: str) -> Guess | None:
    """The number that is called as a quantity and can be one, if there is one, or several of one value."""
    found = [(one, guess) for one in arrays if (guess := _as_quantity(one, QUANTITIES[name])) is not None]
    values = {one.value for one, _ in found}
    return found[0][1] if len(values) == 1 else None


def _as_quantity(one: Listed, kind: Quantity) -> Guess | None:
    parts = one.name_parts
    if one.value is None or not kind.name_parts & set(parts) or kind.others & set(parts):
        return None
    if one.units:
        size = kind.size(one.units)
        is_possible = size is not None and kind.least <= one.value * size <= kind.most
        return Guess(one.name, f"by its name, {one.value:g} {one.units}") if is_possible else None
    stated = one.unit_in_name(kind.units)
    size = kind.size(stated) if stated else None
    if size is not None and kind.least <= one.value * size <= kind.most:
        return Guess(f"{one.name}:{stated}", f"by its name, {one.value:g} {stated}")
    for unit in kind.tried:
        if kind.least <= one.value * kind.units[unit] <= kind.most:
            text = f"by its name, {one.value:g}; no unit is stated, and {unit} is the likeliest"
            return Guess(f"{one.name}:{unit}", text)
    return None
