"""NeXus files of ptychography: NXcxi_ptycho, and those of Diamond Light Source, with lengths in whatever unit.

The places are those of the application definition NXcxi_ptycho and of ptypy's loader `diamond_nexus`. Positions are
added, not negated, as ptypy does it: a larger x is a larger column.
"""

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import StoredPatterns
from ptychograd.data.files.formats.base import Format
from ptychograd.data.files.formats.finding import found_at, pixel_sizes, positions_on_axes
from ptychograd.data.files.formats.items import Items, overlaid, read_patterns
from ptychograd.data.files.formats.keymap import READERS
from ptychograd.data.files.formats.quantities import metres, real, wavelength
from ptychograd.data.files.formats.stated import stated_centre, stated_fields
from ptychograd.data.files.formats.views import flattened
from ptychograd.data.files.safety import Catalogue, Entry

ENTRIES = ("entry_1", "entry", "entry1")
DEFINITIONS = ("NXcxi_ptycho", "NXptycho")
PATTERNS = ("data/data", "data_1/data", "instrument_1/detector_1/data")
AXES = (("data/y", "data/x"), ("sample_1/transformations/y", "sample_1/transformations/x"))
TRANSLATIONS = ("sample_1/geometry_1/translation", "data_1/translation", "instrument_1/detector_1/translation")
DETECTOR = "instrument_1/detector_1"
ENERGIES = ("energy", "incident_energy", "incident_beam_energy")
JOULES, ELECTRON_VOLTS = 1e-10, 200.0  # an energy without a unit below the one is in J, above the other in eV, else keV
PLACES = {
    "patterns": " and ".join(f"entry_1/{place}" for place in PATTERNS),
    "positions": "entry_1/data/y and x, and entry_1/sample_1/geometry_1/translation",
}


class Nexus(Format):
    """NXcxi_ptycho and Diamond."""

    name = "NeXus (NXcxi_ptycho, Diamond)"
    places = PLACES
    readers = READERS

    def recognises(self, catalogue):
        return catalogue.find("cxi_version") is None and _entry(catalogue) is not None

    def read(self, catalogue, given, readers):
        top = _entry(catalogue) or ENTRIES[0]
        whole = Items() if given.patterns is not None else _patterns(catalogue, top)
        patterns = whole.patterns if given.patterns is None else given.patterns
        if given.positions is None:
            whole = overlaid(whole, _positions(catalogue, top, None if patterns is None else len(patterns)))
        detector = f"{top}/{DETECTOR}"
        places = {
            "mask": (f"{detector}/pixel_mask", f"{detector}/mask"),
            "distance": (f"{detector}/distance",),
            "wavelength": tuple(f"{top}/instrument_1/beam_1/{name}wavelength" for name in ("incident_", "")),
        }
        row, column = (catalogue.find(f"{detector}/beam_center_{axis}") for axis in "yx")
        sizes = pixel_sizes(catalogue, given, f"{detector}/y_pixel_size", f"{detector}/x_pixel_size")
        for part in (
            found_at(catalogue, given, readers, places),
            sizes,
            stated_centre(row, column, patterns, given.pixel_size or sizes.pixel_size),
            _fields(catalogue, detector, patterns),
        ):
            whole = overlaid(whole, part)
        if given.wavelength is None and whole.wavelength is None:
            whole = overlaid(whole, _energy(catalogue, top))
        return overlaid(whole, given)


def _entry(catalogue: Catalogue) -> str | None:
    """The group of the scan, if the file is of this format."""
    for top in ENTRIES:
        said = catalogue.find(f"{top}/definition")
        if said is not None and said.shape == () and said.dtype.kind in "OS" and said.text() in DEFINITIONS:
            return top
        if catalogue.find(f"{top}/data/data") and catalogue.find(f"{top}/{DETECTOR}/distance"):
            return top
    return None


def _patterns(catalogue: Catalogue, top: str) -> Items:
    entry = catalogue.first(*(f"{top}/{place}" for place in PATTERNS), "data_1/data")
    if entry is None:
        return Items()
    stack = flattened(entry)
    grid = entry.shape[:-2]
    note = (f"patterns: {' x '.join(map(str, grid))} of {entry} in rows",) if len(grid) > 1 else ()
    return Items(patterns=read_patterns(stack), written=stack.written(), notes=note)


def _positions(catalogue: Catalogue, top: str, count: int | None) -> Items:
    for rows, columns in ((catalogue.find(f"{top}/{y}"), catalogue.find(f"{top}/{x}")) for y, x in AXES):
        if rows is not None and columns is not None:
            return positions_on_axes(rows, columns, count, "m")
    moved = catalogue.first(*(f"{top}/{place}" for place in TRANSLATIONS), "sample_1/geometry_1/translation")
    if moved is None:
        return Items()
    values = real(moved).astype(float)
    if values.ndim != 2 or values.shape[1] not in (2, 3):
        raise InputError(f"{moved} can't be the translation; expected (index, 3), (x, y, z).")
    return Items(positions=values[:, [1, 0]] * metres(moved), unit="m")


def _energy(catalogue: Catalogue, top: str) -> Items:
    """From the photons' energy; a source's energy is that of its electrons, and is not asked."""
    entry = catalogue.first(*(f"{top}/instrument_1/beam_1/{name}" for name in ENERGIES))
    if entry is None:
        return Items()
    if entry.units is not None:
        found, notes = wavelength(entry, "keV")
        return Items(wavelength=found, notes=notes)
    unit = _unit_of_energy(entry)
    found, notes = wavelength(entry, unit)
    return Items(wavelength=found, notes=(f"wavelength: {entry} states no unit, taken as {unit}", *notes))


def _unit_of_energy(entry: Entry) -> str:
    value = entry.number()
    return "J" if value < JOULES else "eV" if value > ELECTRON_VOLTS else "keV"


def _fields(catalogue: Catalogue, detector: str, patterns: np.ndarray | StoredPatterns | None) -> Items:
    """Dark and flat field, which ptypy's loader subtracts and divides by, unless the detector did so."""
    applied = catalogue.find(f"{detector}/flatfield_applied")
    is_done = applied is not None and applied.size == 1 and bool(applied.number())
    flat = () if is_done else (f"{detector}/flatfield",)
    return stated_fields(catalogue, patterns, dark=(f"{detector}/darkfield",), flat=flat)
