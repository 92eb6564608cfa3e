"""Results of ptypy (.ptyr): storages of object and probe, with pixel size and origin.

The middle of a window, its pixel n // 2, is at (position - origin) / pixel size on the object (`core/classes.py`).
"""

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.formats.quantities import real
from ptychograd.data.files.results.base import ForeignResult, ResultFormat, layers, needed, pairs, wave
from ptychograd.data.files.safety import Catalogue


class Ptyr(ResultFormat):
    """The first object and the first probe."""

    name = "ptypy (.ptyr)"

    def recognises(self, catalogue):
        return bool(_storages(catalogue, "obj")) and bool(_storages(catalogue, "probe"))

    def read(self, catalogue):
        object, probe = (_storages(catalogue, kind)[0] for kind in ("obj", "probe"))
        places = [f"content/positions/{name}" for name in catalogue.names("content/positions")]
        if not places:
            raise InputError("there are no content/positions, which tell where the object is.")
        positions = pairs(needed(catalogue, *places))
        pixel = np.broadcast_to(real(needed(catalogue, f"{object}/_psize", f"{object}/psize")).ravel(), 2)
        found, modes = layers(wave(needed(catalogue, f"{object}/data"))), wave(needed(catalogue, f"{probe}/data"))
        modes = modes.reshape(-1, *modes.shape[-2:])
        corner = (positions - _origin(catalogue, object, pixel)) / pixel - np.array(modes.shape[-2:]) // 2
        return ForeignResult("ptypy", found, modes, (float(pixel[0]), float(pixel[1])), corner, positions)


def _storages(catalogue: Catalogue, kind: str) -> list[str]:
    return [f"content/{kind}/{name}" for name in catalogue.names(f"content/{kind}")]


def _origin(catalogue: Catalogue, storage: str, pixel: np.ndarray) -> np.ndarray:
    """Where the object's first pixel is, in metres."""
    entry = catalogue.first(f"{storage}/_origin", f"{storage}/origin")
    if entry is not None and entry.size == 2 and entry.dtype.kind in "fui":
        return real(entry).ravel()
    return -real(needed(catalogue, f"{storage}/_center", f"{storage}/center")).ravel() * pixel
