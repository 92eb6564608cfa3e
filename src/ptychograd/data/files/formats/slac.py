"""NPZ files of SLAC, as PtychoNN and ptychodus know them.

diffraction (y, x, index), xcoords_start and ycoords_start of the window's corner in pixels, probeGuess, objectGuess.
"""

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.formats.base import Format
from ptychograd.data.files.formats.finding import found_at
from ptychograd.data.files.formats.items import Items, overlaid, read_modes, read_patterns
from ptychograd.data.files.formats.keymap import READERS
from ptychograd.data.files.formats.quantities import real
from ptychograd.data.files.formats.views import moved_axes

ARRAYS = ("diffraction", "xcoords_start", "ycoords_start")
FEW = 1e-3  # positions that are all smaller are in metres, as ptychodus takes them
PLACES = {"patterns": "diffraction", "positions": "ycoords_start and xcoords_start"}


class Slac(Format):
    """SLAC."""

    name = "SLAC (NPZ)"
    places = PLACES
    readers = READERS

    def recognises(self, catalogue):
        return all(catalogue.find(name) is not None for name in ARRAYS)

    def read(self, catalogue, given, readers):
        patterns, x, y = (catalogue.find(name) for name in ARRAYS)
        if patterns is None or x is None or y is None or len(patterns.shape) != 3:
            raise InputError(f"{patterns} can't be the diffraction; expected (y, x, index).")
        whole = Items()
        if given.patterns is None:
            whole = Items(patterns=read_patterns(moved_axes(patterns, 2, 0, 1)))
        if given.positions is None:
            places = np.column_stack([np.ravel(real(y)), np.ravel(real(x))]).astype(float)
            unit = "pixel" if np.abs(places).max(initial=0) > FEW else "m"
            whole = overlaid(whole, Items(positions=places, unit=unit))
        probe = catalogue.find("probeGuess")
        if probe is not None and given.probe is None:
            whole = overlaid(whole, Items(probe=read_modes(probe)))
        places = {
            "distance": ("detector_distance_m",),
            "pixel_size": ("detector_pixel_size_m",),
            "energy_kev": ("photon_energy_eV", "probe_energy_ev"),
        }
        whole = overlaid(whole, found_at(catalogue, given, readers, places, {"energy_kev": "eV"}))
        return overlaid(whole, given)
