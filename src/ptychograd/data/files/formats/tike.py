"""NPZ files for tike, with the axes of its arrays.

data (1, index, y, x) with the zero frequency at pixel (0, 0), scan (1, index, 2), (y, x), of the window's corner in
pixels, and a probe with six axes.
"""

import numpy as np

from ptychograd.core.fourier import centred
from ptychograd.data.files.formats.base import Format
from ptychograd.data.files.formats.finding import found_at
from ptychograd.data.files.formats.items import Items, overlaid, read_modes
from ptychograd.data.files.formats.keymap import READERS
from ptychograd.data.files.formats.quantities import real

PLACES = {"patterns": "data", "positions": "scan"}


class Tike(Format):
    """A scan as tike takes it."""

    name = "tike (NPZ)"
    places = PLACES
    readers = READERS

    def recognises(self, catalogue):
        data, scan = catalogue.find("data"), catalogue.find("scan")
        if data is None or scan is None:
            return False
        return len(data.shape) == 4 and data.shape[0] == 1 and scan.shape == (1, data.shape[1], 2)

    def read(self, catalogue, given, readers):
        data, scan, probe = (catalogue.find(name) for name in ("data", "scan", "probe"))
        whole = Items()
        if data is not None and given.patterns is None:
            note = "patterns: the zero frequency moved from pixel (0, 0), where tike has it, to the middle"
            whole = Items(patterns=np.ascontiguousarray(centred(real(data)[0])), notes=(note,))
        if scan is not None and given.positions is None:
            whole = overlaid(whole, Items(positions=real(scan)[0].astype(float), unit="pixel"))
        if probe is not None and given.probe is None:
            whole = overlaid(whole, Items(probe=read_modes(probe)))
        places = {"mask": ("measured_pixels",)}
        return overlaid(overlaid(whole, found_at(catalogue, given, readers, places)), given)
