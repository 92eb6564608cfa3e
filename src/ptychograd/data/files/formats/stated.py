"""What formats read of the beam's centre, dark and flat field, which `data.preparation.stated` uses."""

import numpy as np

from ptychograd.data.dataset import Stated, StoredPatterns
from ptychograd.data.files.formats.items import Items, overlaid
from ptychograd.data.files.formats.quantities import metres, real
from ptychograd.data.files.safety import Catalogue, Entry
from ptychograd.data.geometry import LENGTHS, unit_size

Patterns = np.ndarray | StoredPatterns


def stated_centre(
    rows: Entry | None, columns: Entry | None, patterns: Patterns | None, pixel: tuple[float, float] | None = None
) -> Items:
    """Where the direct beam is, with a note; nothing where both numbers are 0, as writers leave what nobody set.

    Args:
        rows, columns: the entries of y and x, in pixels, unless the file states a unit of length.
        patterns: in whose pixels it is; None if there are none.
        pixel: height and width of a detector's pixel in metres, for a centre in lengths.
    """
    if rows is None or columns is None or patterns is None:
        return Items()
    sides = pixel or (None, None)
    y, x = (_in_pixels(entry, side) for entry, side in zip((rows, columns), sides, strict=True))
    return centre_at(y, x, patterns)


def centre_at(y: float, x: float, patterns: Patterns) -> Items:
    """The same of two numbers, in pixels."""
    if not (np.isfinite(y) and np.isfinite(x)) or (y == 0 and x == 0):
        return Items()
    ny, nx = patterns.shape[-2:]
    note = f"patterns: the file puts the beam at pixel ({y:.6g}, {x:.6g}) (y, x); the middle is ({ny // 2}, {nx // 2})"
    is_off = max(abs(y - ny // 2), abs(x - nx // 2)) >= 1
    return Items(stated=Stated(centre=(y, x)), notes=(note,) if is_off else ())


def stated_fields(
    catalogue: Catalogue, patterns: Patterns | None, dark: tuple[str, ...] = (), flat: tuple[str, ...] = ()
) -> Items:
    """Dark and flat field at the first of some places each; one that does not fit the frames becomes a note.

    Args:
        patterns: to whose frames they have to fit; None if there are none.
        dark, flat: places of arrays (y, x) or (index, y, x).
    """
    whole = Items()
    if patterns is None:
        return whole
    for name, places in (("dark", dark), ("flat", flat)):
        entry = catalogue.first(*places) if places else None
        if entry is None:
            continue
        if entry.dtype.kind not in "uif" or len(entry.shape) not in (2, 3) or entry.shape[-2:] != patterns.shape[-2:]:
            note = f"patterns: {entry} is not used, as it does not fit patterns of {patterns.shape[-2:]}"
            whole = overlaid(whole, Items(notes=(note,)))
            continue
        values = real(entry)
        stated = Stated(dark=values) if name == "dark" else Stated(flat=values)
        whole = overlaid(whole, Items(stated=stated))
    return whole


def _in_pixels(entry: Entry, side: float | None) -> float:
    """A number of pixels, from a length too; nan where the pixel's size is not known."""
    size = unit_size(entry.units or "", LENGTHS)
    if size is None:
        return entry.number()
    return entry.number() * metres(entry) / side if side else float("nan")
