"""Results of cdtools, as `FancyPtycho.save_to_h5` writes them.

Translations are those of the probe; the first pixel of a window is pinv(basis) t - min_translation
(`models/fancy_ptycho.py`).
"""

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.formats.quantities import real
from ptychograd.data.files.results.base import ForeignResult, ResultFormat, layers, needed, pairs, wave


class CdtoolsResult(ResultFormat):
    """FancyPtycho and its relatives."""

    name = "cdtools result"

    def recognises(self, catalogue):
        return all(catalogue.find(name) is not None for name in ("obj", "probe", "obj_basis", "translations"))

    def read(self, catalogue):
        basis = real(needed(catalogue, "obj_basis")).astype(float)
        if basis.shape != (3, 2):
            raise InputError(f"obj_basis has shape {basis.shape}; expected (3, 2), in metres.")
        size = np.linalg.norm(basis, axis=0)
        moved = pairs(needed(catalogue, "translations"))
        moved = np.column_stack([moved, np.zeros(len(moved))]) if moved.shape[1] == 2 else moved
        places = moved @ np.linalg.pinv(basis).T
        first = catalogue.find("state_dict/min_translation")
        lowest = places.min(axis=0) if first is None else real(first).ravel()
        found, modes = layers(wave(needed(catalogue, "obj"))), wave(needed(catalogue, "probe"))
        modes = modes.reshape(-1, *modes.shape[-2:])
        pixel = (float(size[0]), float(size[1]))
        return ForeignResult("cdtools", found, modes, pixel, places - lowest, places * size)
