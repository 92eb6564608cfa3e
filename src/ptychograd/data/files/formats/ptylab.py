"""Files of PtyLab: conventional ptychography (CPM), and Fourier ptychography (FPM), which is described only.

`encoder` is (index, 2), (y, x), in metres; patterns have the zero frequency in the middle; `orientation` is ptypy's
code, applied to the patterns as PtyLab does it when it loads a file.
"""

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.formats.base import Format
from ptychograd.data.files.formats.finding import found_at
from ptychograd.data.files.formats.items import FoundVariable, Items, overlaid, read_patterns
from ptychograd.data.files.formats.keymap import READERS
from ptychograd.data.files.formats.quantities import real
from ptychograd.data.files.formats.views import in_orientation
from ptychograd.data.files.safety import Catalogue, Entry

NEEDED = ("ptychogram", "encoder", "wavelength", "dxd")
PUPIL = "entrancePupilDiameter"
WIDEST = 0.9  # of the probe's window: a wider disc is no start
CODES = range(8)
FOURIER = "Fourier ptychography, which is read to be looked at; its reconstruction will be a later version's"
PLACES = {"patterns": "ptychogram", "positions": "encoder"}


class PtyLab(Format):
    """A scan of a sample, or of a microscope's illumination."""

    name = "PtyLab (CPM, FPM)"
    places = PLACES
    readers = READERS

    def recognises(self, catalogue):
        there = all(catalogue.find(name) is not None for name in NEEDED)
        return there and catalogue.first("zo", "zled") is not None

    def read(self, catalogue, given, readers):
        whole = Items() if given.patterns is not None else _patterns(catalogue)
        is_fourier = catalogue.find("zled") is not None
        places = {"wavelength": ("wavelength",), "pixel_size": ("dxd",)}
        if is_fourier:
            return overlaid(overlaid(whole, _lamps(catalogue)), given)
        places |= {"distance": ("zo",)}
        whole = overlaid(whole, found_at(catalogue, given, readers, places))
        if given.positions is None:
            whole = overlaid(whole, Items(positions=_encoder(catalogue), unit="m"))
        whole = overlaid(whole, given)
        return overlaid(whole, _disc(catalogue, whole)) if whole.probe is None else whole


def _patterns(catalogue: Catalogue) -> Items:
    entry, said = catalogue.find("ptychogram"), catalogue.find("orientation")
    if entry is None or len(entry.shape) != 3:
        raise InputError(f"{entry} can't be the ptychogram; expected (index, y, x).")
    code = 0.0 if said is None or said.dtype.kind not in "ui" else said.number()
    if code not in CODES:
        raise InputError(f"{said} is {code:g}; expected one of ptypy's eight orientations, 0 to 7.")
    note = (f"patterns: turned by the file's orientation {code:g}",) if code else ()
    written = entry.written() if not code else None
    return Items(patterns=read_patterns(in_orientation(entry, int(code))), written=written, notes=note)


def _encoder(catalogue: Catalogue) -> np.ndarray:
    """Positions (index, 2); of two rows, as PtyLab takes them."""
    entry = catalogue.find("encoder")
    values = np.zeros(0) if entry is None else real(entry).astype(float)
    if values.ndim != 2 or 2 not in values.shape:
        raise InputError(f"{entry} can't be the encoder; expected (index, 2), (y, x) in metres.")
    if len(values) < values[0].size:
        values = values.T - values.T.mean(axis=0)
    return values


def _disc(catalogue: Catalogue, found: Items) -> Items:
    """The start probe that PtyLab takes: a disc of the entrance pupil's diameter, on the pixels of the object."""
    entry = catalogue.find(PUPIL)
    lengths = (found.wavelength, found.distance, found.pixel_size)
    if entry is None or entry.size != 1 or found.patterns is None or any(one is None for one in lengths):
        return Items()
    diameter, shape = entry.number(), found.patterns.shape[1:]
    wavelength, distance, pixel_size = found.wavelength or 0.0, found.distance or 0.0, found.pixel_size or (1.0, 1.0)
    pixels = [wavelength * distance / (n * size) for n, size in zip(shape, pixel_size, strict=True)]
    if not 0 < diameter < WIDEST * min(n * size for n, size in zip(shape, pixels, strict=True)):
        return Items(notes=(f"probe: {PUPIL} {diameter:g} m is not used, as it does not fit into the probe's window",))
    y, x = ((np.arange(n) - n // 2) * size for n, size in zip(shape, pixels, strict=True))
    edge = min(pixels)
    disc = np.clip((diameter / 2 - np.hypot(y[:, None], x)) / edge + 0.5, 0, 1)
    note = f"probe: a disc of {diameter:.4g} m, the file's {PUPIL}"
    return Items(probe=disc[None].astype(np.complex64), notes=(note,))


def _lamps(catalogue: Catalogue) -> Items:
    """What is told of Fourier ptychography: where the lamp of each image is, as a variable."""
    entry = catalogue.find("encoder")
    if entry is None:
        raise InputError("there is no encoder.")
    numbers = {name: catalogue.find(name) for name in ("wavelength", "dxd", "zled", "magnification", "NA")}
    found = ", ".join(f"{name} {_value(one)}" for name, one in numbers.items() if one is not None)
    note = f"model: {FOURIER} ({found})"
    variables = {"lamp": FoundVariable(_encoder(catalogue), "m", entry.name)}
    return Items(without_positions=True, variables=variables, notes=(note,))


def _value(entry: Entry) -> str:
    return f"{entry.number():.4g}" if entry.dtype.kind in "uif" and entry.size else "?"
