"""CXI files, as cdtools and the beamlines write them (Maia, Nature Methods 9, 854 (2012); version 1.6)."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.formats.base import Format, Readers
from ptychograd.data.files.formats.items import Items, overlaid, read_patterns
from ptychograd.data.files.formats.keymap import READERS as BY_NAME
from ptychograd.data.files.formats.masks import by_name, of_cxi
from ptychograd.data.files.formats.ptychodus import coherent_modes
from ptychograd.data.files.formats.quantities import length, metres, real, wavelength
from ptychograd.data.files.formats.stated import stated_fields
from ptychograd.data.files.safety import Catalogue, Entry

DETECTOR = "entry_1/instrument_1/detector_1"
SOURCE = "entry_1/instrument_1/source_1"
OWN = "ptychograd CXI"  # what the root says of a file that the package wrote
PATTERNS = ("entry_1/data_1/data", f"{DETECTOR}/data")
PROBE = "entry_1/image_1/data"  # of a product of ptychodus, as the next
DARKS = (f"{DETECTOR}/data_dark", f"{DETECTOR}/dark")  # as cdtools has it, and as CXI names its groups
NUMBERS = "entry_1/ptychodus/probe_position_indexes"
POSITIONS = (
    "entry_1/sample_1/geometry_1/translation",
    "entry_1/data_1/translation",
    f"{DETECTOR}/translation",
)
PLACES = {"patterns": " and ".join(PATTERNS), "positions": " and ".join(POSITIONS)}
DIRECTIONS = np.array(
    [[0.0, -1.0], [-1.0, 0.0], [0.0, 0.0]]
)  # default basis over a pixel's length: columns (row, column)


def _patterns(entry: Entry) -> Items:
    return Items(patterns=read_patterns(entry), written=entry.written())


def _positions(translation: Entry, basis: np.ndarray | None) -> Items:
    """Window positions (index, 2), (y, x), from the sample's translation (index, 3), (x, y, z).

    A window moves against the sample: pinv(basis) (-translation) counts detector pixels along rows and
    columns (as in cdtools); a pixel's length makes them metres. For the default directions: (+y, +x).

    Args:
        basis: (3, 2), or None for the default directions.
    """
    shape = translation.shape
    if len(shape) != 2 or shape[1] != 3 or translation.dtype.kind not in "uif":
        raise InputError(f"{translation} can't be the translation; expected (index, 3), (x, y, z) in metres.")
    moved = translation.array().astype(float)
    unit = metres(translation)
    moved = moved if unit == 1 else moved * unit
    if basis is None:
        return Items(positions=moved[:, [1, 0]], unit="m")
    turned = -moved @ np.linalg.pinv(basis).T * np.linalg.norm(basis, axis=0)
    note = f"positions: projected on the file's basis {basis.T.tolist()}"
    return Items(positions=turned, unit="m", notes=(note,))


def _of_product(catalogue: Catalogue, given: Items) -> Items:
    """What a product of ptychodus has beside CXI: which frames the positions are of, and the probe's mean modes."""
    numbers, probe = catalogue.find(NUMBERS), catalogue.find(PROBE)
    found = Items(position_numbers=None if numbers is None else real(numbers).astype(int).ravel())
    if probe is None or probe.dtype.kind != "c" or given.probe is not None:
        return found
    return replace(found, probe=coherent_modes(probe))


def _energy(entry: Entry) -> Items:
    """CXI has its energies in joules; a number that is given, or another array, is in keV."""
    found, notes = wavelength(entry, "J" if entry.leaf == "energy" else "keV")
    return Items(wavelength=found, notes=notes)


def _basis(catalogue: Catalogue) -> np.ndarray | None:
    """Basis vectors (3, 2) of the detector, metres a pixel: along the index of rows, then of columns."""
    entry = catalogue.find(f"{DETECTOR}/basis_vectors")
    if entry is None:
        return None
    basis = real(entry).astype(float) * metres(entry)
    basis = basis.T if basis.shape == (2, 3) else basis
    if basis.shape != (3, 2) or np.linalg.matrix_rank(basis) < 2:
        raise InputError(f"{entry} can't be a basis; expected two independent vectors, (3, 2), in metres.")
    return basis


def _is_default(basis: np.ndarray) -> bool:
    return np.allclose(basis / np.linalg.norm(basis, axis=0), DIRECTIONS)


def _pixel_size(catalogue: Catalogue, basis: np.ndarray | None) -> tuple[float, float] | None:
    rows, columns = (catalogue.find(f"{DETECTOR}/{axis}_pixel_size") for axis in "yx")
    if rows is not None and columns is not None:
        return length(rows), length(columns)
    return None if basis is None else tuple(np.linalg.norm(basis, axis=0).tolist())


def _first(catalogue: Catalogue, names: tuple[str, ...]) -> Entry | None:
    return next((entry for name in names if (entry := catalogue.find(name)) is not None), None)


def _number(catalogue: Catalogue, name: str) -> float | None:
    entry = catalogue.find(name)
    return None if entry is None else entry.number()


READERS: Readers = {
    **BY_NAME,
    "mask": lambda entry: of_cxi(entry) if entry.leaf == "mask" else by_name(entry),
    "energy_kev": _energy,
}


class Cxi(Format):
    """The first entry of a CXI file."""

    name = "CXI"
    places = PLACES
    readers = READERS

    def recognises(self, catalogue):
        return any(catalogue.find(name) is not None for name in ("cxi_version", *PATTERNS))

    def completes(self, catalogue):
        return catalogue.first(*PATTERNS) is None and catalogue.find(NUMBERS) is not None

    def read(self, catalogue, given, readers):
        def found(name: str, *places: str, by: Callable[[Entry], Items] | None = None) -> Items:
            entry = None if given.has(name) else _first(catalogue, places)
            return Items() if entry is None else (by or readers[name])(entry)

        basis = _basis(catalogue) if given.positions is None or given.pixel_size is None else None
        turned = None if basis is None or _is_default(basis) else basis
        wavelength = found("wavelength", f"{SOURCE}/wavelength")
        if wavelength.wavelength is None:
            wavelength = found("wavelength", f"{SOURCE}/energy", by=readers["energy_kev"])
        whole = found("patterns", *PATTERNS, by=_patterns)
        patterns = whole.patterns if given.patterns is None else given.patterns
        for part in (
            stated_fields(catalogue, patterns, dark=DARKS),
            found("positions", *POSITIONS, by=lambda entry: _positions(entry, turned)),
            found("mask", f"{DETECTOR}/mask"),
            wavelength,
            found("distance", f"{DETECTOR}/distance"),
            Items(pixel_size=_pixel_size(catalogue, basis) if given.pixel_size is None else None),
        ):
            whole = overlaid(whole, part)
        if self.completes(catalogue):
            whole = overlaid(whole, _of_product(catalogue, given))
        said = np.asarray(catalogue.attributes.get("notes", ())).ravel()
        said = said if catalogue.attributes.get("format") == OWN else ()
        whole = overlaid(Items(notes=tuple(map(str, said))), whole)
        entries = _number(catalogue, "number_of_entries") or 1
        more = (f"entries: only the first of {entries:g} is read",) if entries > 1 else ()
        return overlaid(overlaid(whole, Items(notes=more)), given)
