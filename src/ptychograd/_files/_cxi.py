"""CXI files, as cdtools and the beamlines write them (Maia, Nature Methods 9, 854 (2012); version 1.6)."""

import numpy as np

from ptychograd._errors import InputError
from ptychograd._files._entries import Catalogue, Entry
from ptychograd._files._items import Items, overlaid, read_patterns
from ptychograd._geometry import JOULES_PER_KEV, wavelength_from_kev

DETECTOR = "entry_1/instrument_1/detector_1"
SOURCE = "entry_1/instrument_1/source_1"
PATTERNS = ("entry_1/data_1/data", f"{DETECTOR}/data")
POSITIONS = (
    "entry_1/sample_1/geometry_1/translation",
    "entry_1/data_1/translation",
    f"{DETECTOR}/translation",
)
PLACES = {"patterns": " and ".join(PATTERNS), "positions": " and ".join(POSITIONS)}
HAS_SIGNAL = 0x1000  # CXI's mask bit for "the pixel has signal": the one value beside 0 that is a good pixel
DIRECTIONS = np.array(
    [[0.0, -1.0], [-1.0, 0.0], [0.0, 0.0]]
)  # default basis over a pixel's length: columns (row, column)


def recognises(catalogue: Catalogue) -> bool:
    """A version number at the root, or patterns where CXI has them."""
    return any(catalogue.find(name) is not None for name in ("cxi_version", *PATTERNS))


def items(catalogue: Catalogue, given: Items) -> Items:
    """Everything in the first entry of the file, with what is given in its place."""
    patterns, translation = _first(catalogue, PATTERNS), _first(catalogue, POSITIONS)
    basis = _basis(catalogue)
    turned = None if basis is None or _is_default(basis) else basis
    mask, mask_notes = _mask(catalogue)
    entries = _number(catalogue, "number_of_entries") or 1
    found = Items(
        patterns=None if patterns is None or given.patterns is not None else read_patterns(patterns),
        written=None if patterns is None or given.patterns is not None else patterns.written(),
        positions=None if translation is None else _positions(translation, turned),
        unit="m",
        mask=mask,
        wavelength=_wavelength(catalogue),
        distance=_number(catalogue, f"{DETECTOR}/distance"),
        pixel_size=_pixel_size(catalogue, basis),
        notes=(
            *(() if turned is None else (f"positions: projected on the file's basis {turned.T.tolist()}",)),
            *mask_notes,
            *((f"entries: only the first of {entries:g} is read",) if entries > 1 else ()),
        ),
    )
    return overlaid(found, given)


def _positions(translation: Entry, basis: np.ndarray | None) -> np.ndarray:
    """Window positions (index, 2), (y, x), from the sample's translation (index, 3), (x, y, z), in metres.

    A window moves against the sample: pinv(basis) (-translation) counts detector pixels along rows and
    columns (as in cdtools); a pixel's length makes them metres. For the default directions: (+y, +x).

    Args:
        basis: (3, 2), or None for the default directions.
    """
    shape = translation.shape
    if len(shape) != 2 or shape[1] != 3 or translation.dtype.kind not in "uif":
        raise InputError(f"{translation} can't be the translation; expected (index, 3), (x, y, z) in metres.")
    moved = translation.array().astype(float)
    if basis is None:
        return moved[:, [1, 0]]
    return -moved @ np.linalg.pinv(basis).T * np.linalg.norm(basis, axis=0)


def _mask(catalogue: Catalogue) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Valid pixels: those that CXI marks with 0 or with "has signal"."""
    entry = catalogue.find(f"{DETECTOR}/mask")
    if entry is None:
        return None, ()
    flags = entry.array()
    signal = flags == HAS_SIGNAL
    notes = (f"mask: {np.count_nonzero(signal):,} pixels marked 0x1000, has signal, taken as valid",)
    return (flags == 0) | signal, notes if signal.any() else ()


def _basis(catalogue: Catalogue) -> np.ndarray | None:
    """Basis vectors (3, 2) of the detector, metres a pixel: along the index of rows, then of columns."""
    entry = catalogue.find(f"{DETECTOR}/basis_vectors")
    if entry is None:
        return None
    basis = entry.array().astype(float)
    basis = basis.T if basis.shape == (2, 3) else basis
    if basis.shape != (3, 2) or np.linalg.matrix_rank(basis) < 2:
        raise InputError(f"{entry} can't be a basis; expected two independent vectors, (3, 2), in metres.")
    return basis


def _is_default(basis: np.ndarray) -> bool:
    return np.allclose(basis / np.linalg.norm(basis, axis=0), DIRECTIONS)


def _pixel_size(catalogue: Catalogue, basis: np.ndarray | None) -> tuple[float, float] | None:
    rows, columns = (_number(catalogue, f"{DETECTOR}/{axis}_pixel_size") for axis in "yx")
    if rows is not None and columns is not None:
        return rows, columns
    return None if basis is None else tuple(np.linalg.norm(basis, axis=0).tolist())


def _wavelength(catalogue: Catalogue) -> float | None:
    wavelength, energy = (_number(catalogue, f"{SOURCE}/{name}") for name in ("wavelength", "energy"))
    if wavelength is None and energy is not None:
        return wavelength_from_kev(energy / JOULES_PER_KEV)
    return wavelength


def _first(catalogue: Catalogue, names: tuple[str, ...]) -> Entry | None:
    return next((entry for name in names if (entry := catalogue.find(name)) is not None), None)


def _number(catalogue: Catalogue, name: str) -> float | None:
    entry = catalogue.find(name)
    return None if entry is None else entry.number()
