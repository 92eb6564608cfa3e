"""Products of ptychodus: HDF5, NPZ, and CXI.

A pattern's window has its middle at ((x - center_x) / dx + (W - 1) / 2, likewise y) of the object (`api/object.py`).
"""

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.formats.ptychodus import NUMBERS, X, Y, coherent_modes
from ptychograd.data.files.formats.quantities import real
from ptychograd.data.files.results.base import ForeignResult, ResultFormat, layers, needed, pairs, wave
from ptychograd.data.files.safety import Catalogue, Entry

PACKAGE = "ptychodus"
CXI = "entry_1/ptychodus"
SIZES = ("pixel_height_m", "pixel_width_m", "center_y_m", "center_x_m")


class ProductHdf5(ResultFormat):
    """With the object's pixel and centre as attributes of its array."""

    name = "ptychodus product (HDF5)"

    def recognises(self, catalogue):
        entry = catalogue.find("object")
        return catalogue.find(NUMBERS) is not None and entry is not None and entry.attribute(SIZES[0]) is not None

    def read(self, catalogue):
        entry = needed(catalogue, "object")
        values = [entry.attribute(name) for name in SIZES]
        if not all(isinstance(value, int | float) for value in values):
            raise InputError(f"{entry} has not all of the attributes {', '.join(SIZES)}.")
        numbers = [float(str(value)) for value in values]
        return _result(entry, needed(catalogue, "probe"), _columns(catalogue), numbers)


class ProductNpz(ResultFormat):
    """With the object's pixel and centre as arrays of their own."""

    name = "ptychodus product (NPZ)"

    def recognises(self, catalogue):
        return catalogue.find(NUMBERS) is not None and catalogue.find(f"object_{SIZES[0]}") is not None

    def read(self, catalogue):
        numbers = [needed(catalogue, f"object_{name}").number() for name in SIZES]
        return _result(needed(catalogue, "object"), needed(catalogue, "probe"), _columns(catalogue), numbers)


class ProductCxi(ResultFormat):
    """With ptychodus' own group beside CXI's."""

    name = "ptychodus product (CXI)"

    def recognises(self, catalogue):
        return catalogue.find(f"{CXI}/object_{SIZES[0]}") is not None

    def read(self, catalogue):
        numbers = [needed(catalogue, f"{CXI}/object_{name}").number() for name in SIZES]
        moved = pairs(needed(catalogue, "entry_1/sample_1/geometry_1/translation"))
        images = [needed(catalogue, f"entry_1/image_{k}/data") for k in (2, 1)]
        return _result(images[0], images[1], moved[:, [1, 0]], numbers)


def _columns(catalogue: Catalogue) -> np.ndarray:
    return np.column_stack([np.ravel(real(needed(catalogue, name))) for name in (Y, X)]).astype(float)


def _result(object: Entry, probe: Entry, positions: np.ndarray, numbers: list[float]) -> ForeignResult:
    pixel, centre = np.array(numbers[:2]), np.array(numbers[2:])
    found = layers(wave(object))
    modes = coherent_modes(probe)
    sizes = np.array(found.shape[-2:]), np.array(modes.shape[-2:])
    corner = (positions - centre) / pixel + (sizes[0] - 1) / 2 - (sizes[1] - 1) / 2
    return ForeignResult(PACKAGE, found, modes, (pixel[0], pixel[1]), corner, positions)
