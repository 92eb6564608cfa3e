"""What a reader found in a file, item by item, on its way to a Dataset."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.illumination import of_photons
from ptychograd.data.dataset import (
    BraggGeometry,
    Counter,
    Dataset,
    Geometry,
    GroundTruth,
    NearFieldGeometry,
    Stated,
    StoredPatterns,
    Variable,
    frozen,
    make_dataset,
    patterns_of,
    squared,
)
from ptychograd.data.files.safety import Catalogue, Entry

NO_PLACES = "positions=none"  # a key that says so
ELSEWHERE = (
    ", or another file (`data.positions=FILE`), or a raster scan (`data.scan.shape=LINES,POINTS` and "
    "`data.scan.step=LENGTH`); or say that "
    f"there are none ({NO_PLACES})"
)
FIELDS = {  # what to say of a length that is missing
    "wavelength": "`geometry.energy` or `geometry.wavelength`",
    "distance": "`geometry.distance`",
    "pixel_size": "`geometry.pixel_size`",
}


class FoundVariable(NamedTuple):
    """A variable as a file has it: its values, their unit as text, and the name of the array."""

    values: np.ndarray
    unit: str
    place: str


@dataclass(frozen=True, eq=False)
class Items:
    """Everything that can make up a Dataset; None where the file has nothing.

    Args:
        amplitudes: a note, if the patterns are square roots of photons, which are squared once they are clean.
        written: which patterns were written, if the file has room for more.
        grid: lines and points of the grid in which the file has its patterns.
        arrived: reads what the writer of the file counts patterns by, as `Counter` takes it.
        without_positions: True if it is known that there are no positions.
        numbers, position_numbers: the frame of the scan that each pattern, and each position, is of, by which they are
            joined where they come from different files.
        unit: of the positions: "m", "pixel", or None where the file doesn't say.
        wavelength, distance, pixel_size, focus_distance: in metres; only a near field has a focus distance, infinite
            for a parallel beam.
        object_pixel: what a file says of the object's pixel, in metres, where it has no distance.
        two_theta, rocking: in radians; only a Bragg reflection has them.
        stated: the centre of the beam, dark and flat field.
    """

    patterns: np.ndarray | StoredPatterns | None = None
    amplitudes: str | None = None
    written: np.ndarray | None = None
    grid: tuple[int, int] | None = None
    arrived: Callable[[], np.ndarray] | None = None
    positions: np.ndarray | None = None
    without_positions: bool | None = None
    numbers: np.ndarray | None = None
    position_numbers: np.ndarray | None = None
    unit: str | None = None
    mask: np.ndarray | None = None
    probe: np.ndarray | None = None
    support: np.ndarray | None = None
    wavelength: float | None = None
    distance: float | None = None
    pixel_size: tuple[float, float] | None = None
    focus_distance: float | None = None
    object_pixel: float | None = None
    two_theta: float | None = None
    rocking: tuple[float, ...] | None = None
    truth: GroundTruth | None = None
    source: str | None = None
    stated: Stated | None = None
    notes: tuple[str, ...] = ()
    variables: Mapping[str, FoundVariable] = field(default_factory=dict)

    @property
    def stay_in_file(self) -> bool:
        """Whether there are patterns, and they stay in their file."""
        return self.patterns is not None and patterns_of(self.patterns).in_file

    def has(self, name: str) -> bool:
        """Whether there is an item of that name, or need be none looked for."""
        return getattr(self, name) is not None or (name == "positions" and bool(self.without_positions))


def read_patterns(entry: Entry) -> np.ndarray | StoredPatterns:
    """Patterns (index, y, x) of any real type, or where they are, if they stay there."""
    if len(entry.shape) != 3 or entry.dtype.kind not in "uif" or entry.size == 0:
        raise InputError(f"{entry} can't be the patterns; expected real numbers of shape (index, y, x).")
    if entry.in_file is not None:
        return entry.in_file()
    check_patterns(entry)
    return entry.array()


def check_patterns(entry: Entry) -> None:
    """Refuse patterns that can't be held in memory, all of them, as a Dataset does."""
    entry.check_size()


def read_modes(entry: Entry) -> np.ndarray:
    """Complex modes (modes, y, x) of a probe; any leading axes are taken as modes."""
    if len(entry.shape) < 2 or entry.dtype.kind != "c" or entry.size == 0:
        raise InputError(f"{entry} can't be a probe; expected complex numbers of shape (modes, y, x) or (y, x).")
    return entry.array().reshape(-1, *entry.shape[-2:])


def matched(items: Items) -> Items:
    """Patterns and positions that belong to the same frames, where both say which; others are left out.

    Raises:
        InputError: no frame has both, or a number is there twice.
    """
    numbers, others, patterns = items.numbers, items.position_numbers, items.patterns
    if numbers is None or others is None or patterns is None or items.positions is None:
        return items
    for what, found, count in (("patterns", numbers, len(patterns)), ("positions", others, len(items.positions))):
        if len(found) != count or len(np.unique(found)) != count:
            raise InputError(
                f"{count:,} {what} have {len(np.unique(found)):,} different frame numbers; expected as many."
            )
    place = {int(number): at for at, number in enumerate(others)}
    has = np.array([int(number) in place for number in numbers])
    if not has.any():
        raise InputError(
            f"no pattern has a position: patterns have the frame numbers {numbers.min()} to {numbers.max()}, positions "
            f"{others.min()} to {others.max()}; are the files of one scan?"
        )
    at = np.array([place.get(int(number), 0) for number in numbers])
    left = (
        f"{np.count_nonzero(~has):,} patterns and {len(others) - np.count_nonzero(has):,} positions without the other"
    )
    note = "positions: joined by frame number" + (
        "" if has.all() and len(others) == has.sum() else f"; {left} left out"
    )
    if isinstance(patterns, StoredPatterns) and not has.all():  # of those in a file others can't take the places
        patterns, has = patterns.of_those(has), np.ones(len(has), bool)
    if has.all():
        return replace(items, patterns=patterns, positions=items.positions[at], notes=(*items.notes, note))
    return replace(
        items,
        patterns=frozen(np.asarray(patterns)[has]),
        positions=items.positions[at[has]],
        mask=items.mask if items.mask is None or items.mask.ndim == 2 else items.mask[has],
        variables={
            name: one._replace(values=one.values[has]) if len(one.values) == len(has) else one
            for name, one in items.variables.items()
        },
        notes=(*items.notes, note),
    )


def overlaid(found: Items, given: Items) -> Items:
    """What was found, with everything that a person gave in its place."""
    chosen = {field.name: getattr(given, field.name) for field in fields(Items)}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if given.positions is not None:
        chosen |= {"unit": given.unit, "position_numbers": given.position_numbers}
    both = {"notes": (*found.notes, *given.notes), "variables": {**found.variables, **given.variables}}
    if found.stated is not None and given.stated is not None:
        both["stated"] = found.stated.joined_by(given.stated)
    return replace(found, **{**chosen, **both})


def assemble(items: Items, catalogue: Catalogue, places: Mapping[str, str], source: str) -> Dataset:
    """The data set that the items make.

    Args:
        places: where the reader looked for patterns and for positions, in words.
        source: where the patterns come from, if the file doesn't say.

    Raises:
        InputError: patterns or positions are missing, metres come without a geometry, or a value is bad.
    """
    items = _that_came(matched(items))
    without = items.without_positions or items.variables
    if items.patterns is None or not (without or items.positions is not None):
        name, how = "patterns", ""
        if items.patterns is not None:
            name, how = "positions", ELSEWHERE
        raise InputError(
            f"there are no {name}: looked for {places[name]}; name them with the key {name}=...{how};"
            f" the file holds {catalogue.listing()}."
        )
    geometry, notes = _geometry(items)
    positions = items.positions
    if positions is not None and items.unit == "pixel" and geometry is not None:
        rows, columns = items.patterns.shape[1:]
        positions = positions * geometry.sampling((rows, columns))
        notes += (f"positions: object pixels of the {geometry.regime}, converted to metres",)
    data = make_dataset(
        items.patterns,
        positions,
        variables={name: _variable(name, found) for name, found in items.variables.items()},
        mask=items.mask,
        geometry=geometry,
        probe=items.probe,
        support=items.support,
        truth=items.truth,
        source=items.source or source,
        notes=(*items.notes, *notes),
        allow_masked=True,  # whoever reads looks at the share, with what is said about the mask
    )
    data = replace(data, stated=items.stated or Stated())
    data = data if items.amplitudes is None else squared(data, items.amplitudes)
    return data if items.source is not None else _with_photons_in_probe(data)


def _variable(name: str, found: FoundVariable) -> Variable:
    try:
        return Variable(found.values, found.unit)
    except InputError as problem:
        raise InputError(f'{name}, from "{found.place}": {problem}') from None


def _that_came(items: Items) -> Items:
    """Without what is behind the last pattern that was written; of a file that grows, patterns that know their counter.

    Raises `InputError` if nothing was written.
    """
    patterns, mask = items.patterns, items.mask
    if patterns is None:
        return items
    counter = None if items.arrived is None else Counter(items.arrived, len(patterns))
    if isinstance(patterns, StoredPatterns) and patterns.grows:
        return items if counter is None else replace(items, patterns=patterns.estimated_from(counter))
    came = items.written if counter is None else counter.flags()
    if came is None or came.all():
        return items
    room, group = len(patterns), len(items.rocking or (0,))
    came = np.repeat(came[: room // group * group].reshape(-1, group).all(axis=1), group)
    there = np.flatnonzero(came)
    if not there.size:
        raise InputError(f"none of the {room:,} patterns for which there is room was written; name others, or wait.")
    end = int(there[-1]) + 1
    which = f"{there.size:,}" if there.size < end else f"only the first {there.size:,}"
    if isinstance(patterns, StoredPatterns):  # of these others can't take the places
        patterns = patterns.of(end) if there.size == end else patterns.of(end).of_those(came[:end])
        there = np.arange(end)
    else:
        patterns = frozen(patterns[there])

    def of_those(values: np.ndarray) -> np.ndarray:
        """What is counted by patterns, or by rocking curves, of those that are there."""
        each = group if len(values) * group == room else 1
        places = there[::each] // each
        return values[places[places < len(values)]]

    return replace(
        items,
        patterns=patterns,
        positions=None if items.positions is None else of_those(items.positions),
        variables={name: one._replace(values=of_those(one.values)) for name, one in items.variables.items()},
        mask=mask if mask is None or mask.ndim == 2 else mask[there],
        notes=(*items.notes, f"patterns: {which} of {room:,} were written; the rest is left out"),
    )


def _with_photons_in_probe(data: Dataset) -> Dataset:
    """A start probe of unknown unit, scaled to the photons of the brightest pattern."""
    if data.probe is None or not np.any(data.probe):
        return data
    probe = of_photons(data.probe, float(data.photons.max())).astype(data.probe.dtype)
    note = f"probe: scaled to the {data.photons.max():.4g} photons of the brightest pattern"
    return replace(data, probe=probe, notes=(*data.notes, note))


def _geometry(items: Items) -> tuple[Geometry | None, tuple[str, ...]]:
    wavelength, distance, pixel_size = items.wavelength, items.distance, items.pixel_size
    if wavelength is not None and distance is not None and pixel_size is not None:
        return _geometry_of_kind(items, (wavelength, distance, pixel_size)), ()
    numbers = {"wavelength": wavelength, "distance": distance, "pixel_size": pixel_size}
    missing = [name for name, number in numbers.items() if number is None]
    names = ", ".join(missing)
    if items.rocking is not None or items.two_theta is not None:
        raise InputError(f"a rocking curve needs its geometry, but {names} is missing; give each as a key, in metres.")
    if items.focus_distance is not None:
        raise InputError(f"a near field needs its geometry, but {names} is missing; give each as a key, in metres.")
    if items.unit == "m":
        fields = ", ".join(FIELDS[name] for name in missing)
        raise InputError(
            f"positions are in metres, but {names} is missing; give {fields} (or a key for each, in metres)."
        )
    if items.source is not None and len(missing) == 3:  # our own file, whose author decided for pixels
        return None, ()
    if items.positions is None:
        return None, () if len(missing) == 3 else (f"geometry: {names} missing, so what there is of it is not used",)
    return None, (f"geometry: {names} missing, so positions are taken as object pixels",)


def _geometry_of_kind(items: Items, lengths: tuple[float, float, tuple[float, float]]) -> Geometry:
    """Of a far field, of a near field if there is a focus distance, of a reflection if there is a rocking curve."""
    if items.rocking is None and items.two_theta is None:
        return Geometry(*lengths) if items.focus_distance is None else NearFieldGeometry(*lengths, items.focus_distance)
    if items.rocking is None or items.two_theta is None:
        missing = "rocking" if items.rocking is None else "two_theta"
        raise InputError(f"a Bragg reflection needs {missing} too; give it as a key, in radians.")
    if items.focus_distance is not None:
        raise InputError(
            "it holds a rocking curve, which is no near field; leave out `model.kind=near-field` and the focus "
            "distance."
        )
    return BraggGeometry(*lengths, items.two_theta, items.rocking)
