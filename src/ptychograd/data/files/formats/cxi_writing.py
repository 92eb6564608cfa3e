"""A scan as CXI, for other programs: patterns, positions, mask and geometry (version 1.6)."""

from pathlib import Path

import h5py
import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.version import __version__
from ptychograd.data.dataset import Dataset
from ptychograd.data.files.formats.cxi import DARKS, DETECTOR, OWN, POSITIONS, SOURCE
from ptychograd.data.files.writing.hdf5 import creating
from ptychograd.data.files.writing.patterns import write_patterns
from ptychograd.data.geometry.exposure import PLANCK_TIMES_LIGHT

BAD = 1  # CXI's bit for a pixel that is invalid


def write(path: Path, data: Dataset) -> None:
    """Write a far-field scan as CXI; an old file at `path` is replaced as a whole or not at all.

    Dark exposures that the data's file states and that were not subtracted go with them. Start probe, support, truth
    and variables have no place in CXI; they are left out. So are a flat field and a centre that were not used, which a
    note in the file tells.

    Raises:
        InputError: no positions, no geometry, or that of a near field or of a crystal, which CXI has no place for.
    """
    geometry, positions, stated = data.geometry, data.positions, data.stated
    if geometry is None or not geometry.is_far_field or positions is None:
        raise InputError(f"{path} can't be written: {data.source} has {_lacking(data)}; write .h5 instead.")
    arrays = {
        "cxi_version": np.int64(160),
        "number_of_entries": np.int64(1),
        f"{SOURCE}/energy": np.float64(PLANCK_TIMES_LIGHT / geometry.wavelength),
        f"{SOURCE}/wavelength": np.float64(geometry.wavelength),
        f"{DETECTOR}/distance": np.float64(geometry.distance),
        f"{DETECTOR}/y_pixel_size": np.float64(geometry.pixel_size[0]),
        f"{DETECTOR}/x_pixel_size": np.float64(geometry.pixel_size[1]),
        f"{DETECTOR}/mask": np.where(data.mask, 0, BAD).astype(np.uint32),
        POSITIONS[0]: np.column_stack([positions[:, 1], positions[:, 0], np.zeros(data.count)]),
        **({} if stated.dark is None else {DARKS[0]: stated.dark}),
    }
    unused = [name for name, one in (("flat field", stated.flat), ("beam centre", stated.centre)) if one is not None]
    left = [f"left out of the CXI file, as it has no place for it: the {name} that was not used" for name in unused]
    with creating(path) as file:
        file.attrs.update(format=OWN, creator=f"ptychograd {__version__}", source=data.source)
        file.attrs["notes"] = np.array([*data.notes, *left], h5py.string_dtype())
        for name, array in arrays.items():
            file[name] = array
        write_patterns(file, f"{DETECTOR}/data", data)
        for name, target in (("data", f"{DETECTOR}/data"), ("translation", POSITIONS[0])):
            file[f"entry_1/data_1/{name}"] = h5py.SoftLink(f"/{target}")
        file[f"{DETECTOR}/translation"] = h5py.SoftLink(f"/{POSITIONS[0]}")


def _lacking(data: Dataset) -> str:
    """Why a scan has no place in a CXI file."""
    if data.rocking_curve:
        return "rocking curves of a crystal, for which CXI has no place"
    if data.near_field:
        return "patterns of a near field, for which CXI has no place"
    return f"no {'positions' if data.positions is None else 'geometry of a far field'}, and CXI needs it"
