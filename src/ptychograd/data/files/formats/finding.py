"""What several formats do alike: take the first of some places that is there, and positions from two axes."""

from collections.abc import Mapping, Sequence

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.formats.base import Readers
from ptychograd.data.files.formats.items import Items, overlaid
from ptychograd.data.files.formats.keymap import target
from ptychograd.data.files.formats.quantities import in_pixels, metres, real
from ptychograd.data.files.formats.views import in_unit
from ptychograd.data.files.safety import Catalogue, Entry

Places = Mapping[str, Sequence[str]]


def found_at(
    catalogue: Catalogue, given: Items, readers: Readers, places: Places, units: Mapping[str, str] | None = None
) -> Items:
    """Of each item what is at the first of its places that is there, unless it is given.

    Args:
        places: for each item of `readers` where it may be, the likeliest first.
        units: for items of which the file states no unit, that of the format.
    """
    whole = Items()
    for name, names in places.items():
        entry = None if given.has(target(name)) or whole.has(target(name)) else catalogue.first(*names)
        if entry is not None:
            stated = in_unit(entry, units[name]) if units and name in units else entry
            whole = overlaid(whole, readers[name](stated))
    return whole


def pixel_sizes(catalogue: Catalogue, given: Items, rows: str, columns: str, unit: str = "m") -> Items:
    """Height and width of a detector pixel from two entries, in a unit where the file states none."""
    found = [catalogue.find(place) for place in (rows, columns)]
    if given.pixel_size is not None or found[0] is None or found[1] is None:
        return Items()
    height, width = (in_unit(entry, unit) for entry in found if entry is not None)
    return Items(pixel_size=(height.number() * metres(height), width.number() * metres(width)))


def positions_on_axes(
    rows: Entry, columns: Entry, count: int | None, unit: str | None = None, sign: float = 1.0
) -> Items:
    """Positions (index, 2), (y, x), from one array for y and one for x.

    Args:
        rows, columns: y and x of each pattern, of whatever shape; or the steps of a raster along y (slow) and x (fast).
        count: how many patterns there are, if that is known.
        unit: where the file states none; None if then nothing is known.
        sign: -1 if the arrays say where the sample is, against which the window moves.

    Raises:
        InputError: arrays that are no numbers, of lengths that make no scan, or in different kinds of units.
    """
    slow, fast = (np.ravel(real(entry)).astype(float) for entry in (rows, columns))
    if slow.size != fast.size or (count is not None and slow.size != count and slow.size * fast.size == count):
        if count is not None and slow.size * fast.size != count:
            raise InputError(
                f"{rows} and {columns} are no positions of {count:,} patterns; expected {count:,} of each, or the "
                "steps of a raster, whose product that is."
            )
        slow, fast = np.repeat(slow, fast.size), np.tile(fast, slow.size)
    stated = [entry if unit is None else in_unit(entry, unit) for entry in (rows, columns)]
    kinds = [None if entry.units is None else "pixel" if in_pixels(entry) else "m" for entry in stated]
    if kinds[0] != kinds[1]:
        raise InputError(f"{rows} and {columns} are in different units, {stated[0].units} and {stated[1].units}.")
    sizes = [metres(entry) if kinds[0] == "m" else 1.0 for entry in stated]
    places = np.column_stack([sign * slow * sizes[0], sign * fast * sizes[1]])
    return Items(positions=places, unit=kinds[0])
