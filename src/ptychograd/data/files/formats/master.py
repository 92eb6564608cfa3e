"""Master files of pixel detectors: Eiger (Dectris' file writer) and Lambda (X-Spectrum), with all their data files.

A master holds geometry and mask; patterns are in data_000001, data_000002, ... behind external links. It knows no
positions.
"""

import re

from ptychograd.data.files.formats.base import Format
from ptychograd.data.files.formats.finding import found_at, pixel_sizes
from ptychograd.data.files.formats.items import Items, overlaid, read_patterns
from ptychograd.data.files.formats.keymap import READERS
from ptychograd.data.files.formats.quantities import wavelength
from ptychograd.data.files.formats.stated import stated_centre
from ptychograd.data.files.formats.views import flattened, in_unit, joined_entries
from ptychograd.data.files.safety import Catalogue, Entry, UnreadableError

DETECTOR = "entry/instrument/detector"
BEAM = "entry/instrument/beam"
GROUPS = ("entry/data", "entry")  # of Eiger detectors since 1.6, and before
PART = re.compile(r"data_\d+")
STACKS = ("entry/data/data", f"{DETECTOR}/data")
APPLIED = "flatfield_correction_applied"
SPECIFIC = f"{DETECTOR}/detectorSpecific"
MICROMETRES = 1e-2  # no pixel is so large: a length without a unit above it is in micrometres
PLACES = {
    "patterns": "entry/data/data_000001, ..., entry/data/data and entry/instrument/detector/data",
    "positions": "another file, as a master has none",
}


class Master(Format):
    """Eiger and Lambda."""

    name = "detector master (Eiger, Lambda)"
    places = PLACES
    readers = READERS

    def recognises(self, catalogue):
        size = catalogue.find(f"{DETECTOR}/x_pixel_size")
        return size is not None and (bool(_parts(catalogue)) or catalogue.first(*STACKS) is not None)

    def read(self, catalogue, given, readers):
        whole = Items() if given.patterns is not None else _patterns(catalogue)
        patterns = whole.patterns if given.patterns is None else given.patterns
        places = {
            "mask": (f"{SPECIFIC}/pixel_mask", f"{DETECTOR}/pixel_mask"),
            "distance": (f"{DETECTOR}/detector_distance", f"{DETECTOR}/distance"),
        }
        row, column = (catalogue.find(f"{DETECTOR}/beam_center_{axis}") for axis in "yx")
        sizes = pixel_sizes(catalogue, given, f"{DETECTOR}/y_pixel_size", f"{DETECTOR}/x_pixel_size", _unit(catalogue))
        for part in (
            found_at(catalogue, given, readers, places),
            sizes,
            Items() if given.wavelength is not None else _wavelength(catalogue),
            stated_centre(row, column, patterns, given.pixel_size or sizes.pixel_size),
            _flat_field(catalogue),
            _exposure(catalogue),
        ):
            whole = overlaid(whole, part)
        return overlaid(whole, given)


def _parts(catalogue: Catalogue) -> list[str]:
    """The names of the data files' links."""
    for group in GROUPS:
        found = [f"{group}/{name}" for name in catalogue.names(group) if PART.fullmatch(name)]
        if found:
            return sorted(found, key=lambda name: int(name.rsplit("_", 1)[1]))
    return []


def _patterns(catalogue: Catalogue) -> Items:
    """All data files as one stack; those behind the last that was written may be missing."""
    names = _parts(catalogue)
    if not names:
        entry = catalogue.first(*STACKS)
        return Items() if entry is None else Items(patterns=read_patterns(flattened(entry)), written=entry.written())
    entries = [catalogue.find(name) for name in names]
    there = [entry for entry in entries if entry is not None]
    missing = [name for name, entry in zip(names, entries, strict=True) if entry is None]
    if missing and (not there or entries.index(None) < len(there)):
        raise UnreadableError(
            f'the link "{missing[0]}" leads to a data file that is not there; put all data files beside the master.'
        )
    whole = joined_entries(f"{names[0]} to {names[len(there) - 1]}", there)
    notes = (f"patterns: {len(there)} data files with {whole.shape[0]:,} patterns",) if len(there) > 1 else ()
    if missing:
        notes += (f"patterns: {len(missing)} data files from {missing[0]} on are not there, and left out",)
    written = there[0].written() if len(there) == 1 else None
    return Items(patterns=read_patterns(whole), written=written, notes=notes)


def _wavelength(catalogue: Catalogue) -> Items:
    """From the wavelength, in ångströms where nothing is stated, or from the energy in eV."""
    entry = catalogue.first(f"{BEAM}/incident_wavelength", f"{BEAM}/wavelength")
    unit = "angstrom"
    if entry is None or entry.number() == 0:
        entry, unit = catalogue.first(f"{SPECIFIC}/photon_energy", f"{DETECTOR}/photon_energy"), "eV"
    if entry is None or entry.number() == 0:
        return Items()
    found, notes = wavelength(in_unit(entry, unit), unit)
    return Items(wavelength=found, notes=notes)


def _unit(catalogue: Catalogue) -> str:
    """The unit of a pixel's size where none is stated: metres, unless it would be centimetres large."""
    entry = catalogue.find(f"{DETECTOR}/x_pixel_size")
    return "um" if isinstance(entry, Entry) and entry.number() > MICROMETRES else "m"


def _flat_field(catalogue: Catalogue) -> Items:
    """A note, where the detector did not apply the factors that it wrote; whether they divide, its maker says."""
    applied, factors = catalogue.find(f"{DETECTOR}/{APPLIED}"), catalogue.find(f"{SPECIFIC}/flatfield")
    if applied is None or factors is None or applied.size != 1 or applied.number():
        return Items()
    return Items(notes=(f"patterns: {factors} is not applied ({APPLIED} is 0); give it as `data.prepare.flat`",))


def _exposure(catalogue: Catalogue) -> Items:
    entry = catalogue.first(f"{DETECTOR}/count_time", f"{DETECTOR}/frame_time")
    if entry is None or entry.dtype.kind not in "uif" or entry.size != 1:
        return Items()
    return Items(notes=(f"exposure: {entry.number():g} s a pattern ({entry.leaf})",))
