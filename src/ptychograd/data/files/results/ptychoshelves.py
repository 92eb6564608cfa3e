"""Results of PtychoShelves and fold_slice (.mat, of version 5 or 7.3).

Positions are (x, y) in pixels about the object's middle; the first pixel of a window, counted from 0, is (y, x) +
ceil(object / 2 - probe / 2) - 1 (as ptyrad has it, `init/initializer.py`).
"""

import numpy as np

from ptychograd.data.files.formats.quantities import real
from ptychograd.data.files.formats.views import column_major
from ptychograd.data.files.results.base import ForeignResult, ResultFormat, needed, pairs, wave
from ptychograd.data.files.safety import Catalogue, Entry

PLACES = "outputs/probe_positions"
PIXEL = "p/dx_spec"


class PtychoShelvesResult(ResultFormat):
    """Object with slices, and modes of the probe, of which the first of those that vary is the mean one."""

    name = "PtychoShelves, fold_slice (.mat)"

    def recognises(self, catalogue):
        return all(catalogue.find(name) is not None for name in ("object", "probe", PLACES, PIXEL))

    def read(self, catalogue):
        object, probe = (wave(_as_in_matlab(catalogue, name)) for name in ("object", "probe"))
        found = object if object.ndim == 2 else np.moveaxis(object, -1, 0)
        found = found[0] if found.ndim == 3 and len(found) == 1 else found
        modes = probe if probe.ndim == 2 else probe.reshape(*probe.shape[:2], probe.shape[2], -1)[..., 0]
        modes = modes[None] if modes.ndim == 2 else np.moveaxis(modes, -1, 0)
        places = pairs(_as_in_matlab(catalogue, PLACES))[:, [1, 0]]
        width, height = np.broadcast_to(real(needed(catalogue, PIXEL)).ravel(), 2).tolist()
        sizes = np.array(found.shape[-2:]), np.array(modes.shape[-2:])
        corner = places + np.ceil(sizes[0] / 2 - sizes[1] / 2) - 1
        return ForeignResult("PtychoShelves", found, modes, (height, width), corner, places * (height, width), True)


def _as_in_matlab(catalogue: Catalogue, name: str) -> Entry:
    """An array with its axes in MATLAB's order, which are reversed in files of version 7.3."""
    entry = needed(catalogue, name)
    return entry if entry.attribute("MATLAB_class") is None else column_major(entry)
