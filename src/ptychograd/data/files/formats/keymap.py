"""Any HDF5 or NPZ file: which of its arrays is what, by the keys that a person gives and by well-known names.

Known names cover PtyLab's layout (ptychogram, encoder, wavelength, dxd, zo). Every guess becomes a note.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import check_name, patterns_of
from ptychograd.data.files.formats.base import Format, Readers
from ptychograd.data.files.formats.items import FoundVariable, Items, overlaid, read_modes, read_patterns
from ptychograd.data.files.formats.masks import FLAGS, by_name
from ptychograd.data.files.formats.quantities import in_pixels, is_of_photons, length, metres, radians, real, wavelength
from ptychograd.data.files.formats.views import flattened
from ptychograd.data.files.safety import Catalogue, Entry

Keys = Mapping[str, str | float]
Shape = tuple[int, ...]

KNOWN = {  # the last part of an array's path, in small letters; the first that fits is taken
    "patterns": (
        *("patterns", "intensity", "intensities", "ptychogram", "diffraction", "diffraction_patterns"),
        *("dp", "diffamp", "data"),
    ),
    "positions": (
        *("position_px", "positions_px", "position", "positions", "encoder", "translation", "scan"),
        *("probe_positions", "pos"),
    ),
    "mask": ("mask", "valid", "valid_pixels", "valid_pixel_mask", "measured_pixels", "bad_pixels", FLAGS),
    "wavelength": ("wavelength", "wavelength_m", "lambda"),
    "energy_kev": ("energy_kev",),
    "energy": ("energy",),  # only where the file states the unit
    "distance": ("distance", "distance_m", "zo", "detector_distance", "detector_object_distance_m"),
    "pixel_size": ("pixel_size", "pixel_size_m", "dxd", "detector_pixel_size"),
}
PLACES = {name: f"an array named {', '.join(KNOWN[name])}" for name in ("patterns", "positions")}
NO_FOCUS = "focus_distance: none given, so the beam is taken as parallel"
FOCUS_DISTANCE = ("focus_distance", "focus_distance_m", "focus_object_distance_m")  # only asked for in a near field
WAVELENGTHS = ("wavelength", "energy_kev", "energy")  # keys of which one is given
NUMBERS = (*WAVELENGTHS, "distance", "pixel_size", "focus_distance", "two_theta", "rocking")  # as a key
VARIABLE = "variable."  # how keys of variables begin
PROBE = "probe"  # wins over truth_probe and others
_WITH_UNIT = re.compile(r"(.*?[0-9.])\s*:?\s*([A-Za-zµμÅ°]+)")  # a number, or several, and a unit
AMPLITUDES = "diffamp"  # the one known name that holds square roots of photons


def by_names(catalogue: Catalogue, given: Items, readers: Readers) -> Items:
    """What is given, and the rest by well-known names and by shape."""
    variables = [variable.place.strip("/") for variable in given.variables.values()]
    entries = [entry for entry in catalogue.walk() if entry.name.strip("/") not in variables]
    found = given
    for name in KNOWN:
        if found.has(target(name)):
            continue
        shape = () if found.patterns is None else found.patterns.shape
        entry = _guess(name, [entry for entry in entries if _fits(name, entry, shape)])
        if entry is not None:
            more = readers[name](entry)
            found = overlaid(found, replace(more, notes=(f"{name}: guessed {entry}", *more.notes)))
    probes = _probes(entries, found)
    probes = [entry for entry in probes if entry.leaf == PROBE] or probes
    if found.probe is None and len(probes) == 1:
        found = overlaid(found, replace(READERS["probe"](probes[0]), notes=(f"probe: guessed {probes[0]}",)))
    return replace(found, notes=(*found.notes, *_remarks(entries, found)))


def chosen(catalogue: Catalogue, keys: Keys, readers: Readers) -> Items:
    """What a person named: for each item an array of the file or, for the geometry, a number in SI units.

    Raises:
        InputError: an unknown item, no such array, an array of another shape, or a wavelength given twice.
    """
    items = Items()
    twice = [name for name in WAVELENGTHS if name in keys]
    if len(twice) > 1:
        raise InputError(f"{' and '.join(twice)} are both given; give one of the two.")
    for name, key in keys.items():
        of_variable = name.startswith(VARIABLE)
        if name not in READERS and not of_variable:
            there = ", ".join(READERS)
            raise InputError(f'there is no item "{name}"; the items of a file are {there}, and variable.NAME.')
        entry = catalogue.find(str(key))
        if entry is None and name == "positions" and "," in str(key):
            entry = _of_two(catalogue, str(key))
        entry = entry or _in_unit(catalogue, str(key)) or _literal(name, key)
        if entry is None and name == "positions" and str(key).lower() == "none":
            items = overlaid(items, Items(without_positions=True))
            continue
        if entry is None:
            raise InputError(f'{name}: there is no array "{key}"; the file holds {catalogue.listing()}.')
        items = overlaid(items, _named_variable(name, entry) if of_variable else readers[name](entry))
    return items


def _in_unit(catalogue: Catalogue, key: str) -> Entry | None:
    """An entry whose unit follows its path after a colon, as /entry/x:um."""
    path, colon, unit = key.rpartition(":")
    entry = catalogue.find(path) if colon and unit else None
    return None if entry is None else replace(entry, units=unit.strip())


def _of_two(catalogue: Catalogue, key: str) -> Entry | None:
    """Positions (index, 2) in the unit of the first, from two arrays of one axis each, as motors/y:um,motors/x:um."""
    parts = [catalogue.find(one.strip()) or _in_unit(catalogue, one.strip()) for one in key.split(",")]
    if len(parts) != 2 or any(part is None or part.size != math.prod(part.shape[:1]) for part in parts):
        return None
    first, second = (part for part in parts if part is not None)
    if first.shape != second.shape:
        raise InputError(f"{first} and {second} can't be the positions: they differ in length.")
    units = [part.units for part in (first, second)]
    if units[0] != units[1]:
        raise InputError(f'{first} is in "{units[0]}" and {second} in "{units[1]}"; expected one unit.')
    return Entry(
        key, (first.size, 2), np.dtype(float), units[0], lambda: np.stack([real(first), real(second)], axis=-1)
    )


def _named_variable(key: str, entry: Entry) -> Items:
    """A variable by its key, variable.NAME or variable.NAME.UNIT, in the unit of the key or else of the file."""
    name, _, unit = key.removeprefix(VARIABLE).partition(".")
    check_name(name)
    return Items(variables={name: variable(entry, unit or entry.units, f"{VARIABLE}{name}")})


def variable(entry: Entry, unit: str | None, key: str) -> FoundVariable:
    """A variable that an entry holds, as it is; its `key` is named where nobody states a unit."""
    if not unit:
        raise InputError(
            f"{entry} states no unit; say it in the key, as {key}.deg={entry.name}, or {key}.1={entry.name} for pure "
            "numbers."
        )
    return FoundVariable(real(entry), unit, entry.name)


def focus_distance(catalogue: Catalogue) -> Items:
    """The distance from focus to sample under a well-known name; infinite, a parallel beam, where there is none."""
    for entry in catalogue.walk():
        if entry.leaf in FOCUS_DISTANCE and entry.size == 1 and entry.dtype.kind in "uif":
            found = READERS["focus_distance"](entry)
            return replace(found, notes=(f"focus_distance: guessed {entry}",))
    return Items(focus_distance=math.inf, notes=(NO_FOCUS,))


def unused_focus_distance(catalogue: Catalogue) -> Items:
    """A note, if there is a focus distance by its name in a file that is read as a far field."""
    found = [entry for entry in catalogue.walk() if entry.leaf in FOCUS_DISTANCE]
    text = "focus_distance: {} is not used in a far field; if these are shadows, say `model.kind=near-field`"
    return Items(notes=tuple(text.format(entry) for entry in found[:1]))


def target(name: str) -> str:
    """The field of `Items` that an item of this name is for."""
    return "wavelength" if name in WAVELENGTHS else name


def _literal(name: str, text: str | float) -> Entry | None:
    """A number, or several with commas between, as if it stood in the file; its unit may follow, as in 8:keV, 8 keV."""
    if name not in NUMBERS:
        return None
    found = _WITH_UNIT.fullmatch(str(text))
    numbers, unit = (str(text), None) if found is None else (found[1], found[2])
    try:
        values = np.array([float(part) for part in numbers.split(",")])
    except ValueError:
        return None
    return Entry(str(text), values.shape, values.dtype, unit, lambda: values)


def _guess(name: str, entries: list[Entry]) -> Entry | None:
    """The entry of the first well-known name; or the largest stack of patterns, or the only positions."""
    for known in KNOWN[name]:
        hits = [entry for entry in entries if entry.leaf == known]
        if hits and known == FLAGS:  # a detector writes it in two places
            return min(hits, key=lambda entry: len(entry.name))
        if hits:
            return _only(name, hits)
    if name == "patterns":
        largest = max((entry.size for entry in entries), default=0)
        return _only(name, [entry for entry in entries if entry.size == largest])
    return _only(name, entries) if name == "positions" else None


def _only(name: str, entries: list[Entry]) -> Entry | None:
    if len(entries) > 1:
        names = ", ".join(map(str, entries))
        raise InputError(f"{name} could be any of {names}; choose one with the key {name}=...")
    return entries[0] if entries else None


def _fits(name: str, entry: Entry, patterns: Shape) -> bool:
    """Whether an array has a shape and a type with which it could be this item, given the patterns' shape."""
    real, shape = entry.dtype.kind in "uif", entry.shape
    if name == "patterns":
        return real and len(shape) in (3, 4) and entry.size > 0
    if name == "positions":
        named = entry.leaf in KNOWN["positions"] and len(shape) == 2 and shape[1] in (2, 3)  # of whatever count
        return real and (named or shape in ((*patterns[:1], 2), (*patterns[:1], 3), (2, *patterns[:1])))
    if name == "mask":
        return (real or entry.dtype == bool) and shape in (patterns, patterns[1:])
    if name == "energy":
        return real and entry.size == 1 and entry.units is not None and is_of_photons(entry)
    return real and (entry.size == 1 or (name == "pixel_size" and shape == (2,)))


def _patterns(entry: Entry) -> Items:
    grid = entry.shape[:2] if len(entry.shape) == 4 else None
    entry = entry if grid is None else flattened(entry)
    patterns = read_patterns(entry)
    if entry.leaf != AMPLITUDES:
        return Items(patterns=patterns, written=entry.written(), grid=grid)
    if patterns_of(patterns).in_file:
        raise InputError(
            f"{entry} holds amplitudes by its name, and patterns that stay in their file have to be photons."
        )
    note = f'patterns: "{entry.name}" holds amplitudes by its name; squared'
    return Items(patterns=patterns, amplitudes=note, written=entry.written(), grid=grid)


def _positions(entry: Entry) -> Items:
    """Positions (index, 2), (y, x), from (index, 2), from (index, 3) in x, y, z, or from (2, index)."""
    shape, values = entry.shape, entry.array()
    notes: tuple[str, ...] = ()
    if np.iscomplexobj(values) or len(shape) != 2 or not (shape[1] in (2, 3) or shape[0] == 2):
        raise InputError(f"{entry} can't be the positions; expected real numbers of shape (index, 2), (y, x).")
    if shape[1] == 3:
        values, notes = (
            values[:, [1, 0]],
            (f'positions: the first two columns of "{entry.name}" taken as x, y',),
        )
    elif shape[1] != 2:
        values, notes = values.T, (f'positions: the two rows of "{entry.name}" taken as y, x',)
    if in_pixels(entry) or (entry.units is None and entry.leaf.endswith("_px")):
        return Items(positions=values.astype(float), unit="pixel", notes=notes)
    if entry.units is None:
        return Items(positions=values.astype(float), notes=notes)
    return Items(positions=values.astype(float) * metres(entry), unit="m", notes=notes)


def _pixel_size(entry: Entry) -> Items:
    rows, columns = real(entry).ravel() if entry.size == 2 else (entry.number(), entry.number())
    return Items(pixel_size=(float(rows) * metres(entry), float(columns) * metres(entry)))


def _wavelength(entry: Entry, unit: str) -> Items:
    found, notes = wavelength(entry, unit)
    return Items(wavelength=found, notes=notes)


def _probes(entries: list[Entry], found: Items) -> list[Entry]:
    """Complex arrays whose last axes are those of a pattern."""
    frame = () if found.patterns is None else found.patterns.shape[1:]
    return [entry for entry in entries if frame and entry.dtype.kind == "c" and entry.shape[-2:] == frame]


def _remarks(entries: list[Entry], found: Items) -> tuple[str, ...]:
    """What is in the file and not used, though a person might expect it."""
    probes = [] if found.probe is not None else _probes(entries, found)
    remarks = [f"probe: {entry} is not used; to start from it, give the key probe={entry.name}" for entry in probes]
    for entry in entries:
        if found.mask is None and entry.leaf in KNOWN["mask"] and entry.dtype.kind in "buif" and entry.size > 1:
            remarks.append(f"mask: {entry} is not used, its shape is not that of the patterns")
        if entry.leaf == "orientation" and entry.dtype.kind in "ui" and entry.size == 1 and entry.number() != 0:
            remarks.append(f"patterns: the file's orientation {entry.number():g} is not applied")
    return tuple(remarks)


READERS: Readers = {
    "patterns": _patterns,
    "positions": _positions,
    "mask": by_name,
    "probe": lambda entry: Items(probe=read_modes(entry)),
    "support": lambda entry: Items(support=entry.array() != 0),
    "wavelength": lambda entry: _wavelength(entry, "m"),
    "energy_kev": lambda entry: _wavelength(entry, "keV"),
    "energy": lambda entry: _wavelength(entry, "J"),
    "focus_distance": lambda entry: Items(focus_distance=length(entry)),
    "distance": lambda entry: Items(distance=length(entry)),
    "pixel_size": _pixel_size,
    "two_theta": lambda entry: Items(two_theta=entry.number() * radians(entry)),
    "rocking": lambda entry: Items(rocking=tuple((np.ravel(real(entry)) * radians(entry)).tolist())),
    "arrived": lambda entry: Items(arrived=entry.array),
}


class KeyMap(Format):
    """Every container of arrays."""

    name = "well-known names"
    places = PLACES
    readers = READERS

    def recognises(self, catalogue):
        return True

    def read(self, catalogue, given, readers):
        return by_names(catalogue, given, readers)
