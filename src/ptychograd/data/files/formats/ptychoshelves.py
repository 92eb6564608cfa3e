"""Scans of PtychoShelves and fold_slice: patterns in NAME_dp.hdf5, positions in NAME_para.hdf5 beside it.

Row and column of a window are (ppY, ppX) over the object's pixel: fold_slice negates them as it reads them
(`+scans/+positions/hdf5_pos_aps.m`), and once more before it uses them (`+core/ptycho_adjust_positions.m`).
MATLAB reverses the axes of HDF5 files: frames that it wrote have rows and columns exchanged for everybody else, which
no file tells.
The distance is not written: only its ratio to the detector's pixel counts, which the object's pixel `dx` tells.
"""

from dataclasses import replace

from ptychograd.data.files.formats.base import Format
from ptychograd.data.files.formats.finding import positions_on_axes
from ptychograd.data.files.formats.items import Items, overlaid, read_patterns
from ptychograd.data.files.formats.keymap import READERS
from ptychograd.data.files.formats.quantities import length, wavelength
from ptychograd.data.files.safety import Catalogue

PATTERNS, PARAMETERS = "_dp", "_para"
PIXEL = 75e-6  # of the Eiger detectors for which these files are made; what it stands for is in no result
PLACES = {"patterns": "dp", "positions": "ppY and ppX of the file NAME_para beside NAME_dp"}


class FoldSlice(Format):
    """Patterns, or what belongs to them."""

    name = "PtychoShelves, fold_slice (_dp, _para)"
    places = PLACES
    readers = READERS

    def recognises(self, catalogue):
        return self.completes(catalogue) or (_stack(catalogue) is not None and set(catalogue.names("")) <= {"dp"})

    def completes(self, catalogue):
        return _stack(catalogue) is None and catalogue.find("ppX") is not None and catalogue.find("ppY") is not None

    def companions(self, path):
        base = path.stem.removesuffix(PATTERNS)
        return (path.with_name(f"{base}{PARAMETERS}{path.suffix}"),) if base != path.stem else ()

    def read(self, catalogue, given, readers):
        whole, stack = Items(), _stack(catalogue)
        if stack is not None and given.patterns is None:
            whole = Items(patterns=read_patterns(stack), written=stack.written())
        rows, columns = catalogue.find("ppY"), catalogue.find("ppX")
        if rows is not None and columns is not None and given.positions is None:
            found = positions_on_axes(rows, columns, None, "m")
            note = (
                "positions: ppY and ppX, as fold_slice takes them; of frames that MATLAB wrote, rows and columns are "
                "exchanged: `data.prepare.transpose=true`"
            )
            whole = overlaid(whole, replace(found, notes=(note,)))
        light, pixel = catalogue.find("lambda"), catalogue.find("dx")
        if light is not None and given.wavelength is None:
            found, notes = wavelength(light, "m")
            whole = overlaid(whole, Items(wavelength=found, notes=notes))
        if pixel is not None:
            whole = replace(whole, object_pixel=length(pixel))
        return _with_distance(overlaid(whole, given))


def _stack(catalogue: Catalogue):
    entry = catalogue.find("dp")
    return entry if entry is not None and len(entry.shape) == 3 and entry.dtype.kind in "uif" else None


def _with_distance(found: Items) -> Items:
    """With the distance at which the object's pixels are as large as the file says: z = dx n p / λ."""
    pixel, light, patterns = found.object_pixel, found.wavelength, found.patterns
    if pixel is None or light is None or patterns is None or found.distance is not None:
        return found
    sizes = found.pixel_size or (PIXEL, PIXEL)
    distance = pixel * patterns.shape[2] * sizes[1] / light
    guess = f"{PIXEL * 1e6:g} µm guessed" if found.pixel_size is None else f"{sizes[1] * 1e6:g} µm given"
    note = (
        f"distance: {distance:.4g} m, from the object's pixel of {pixel * 1e9:.4g} nm and a detector's pixel of "
        f"{guess}; no result depends on this guess"
    )
    return replace(found, distance=distance, pixel_size=sizes, notes=(*found.notes, note))
