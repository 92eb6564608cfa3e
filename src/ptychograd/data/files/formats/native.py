"""The package's own HDF5 layout: all that a Dataset holds, bit for bit, open to viewers of NeXus files."""

from pathlib import Path

import h5py
import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.version import __version__
from ptychograd.data.dataset import Dataset, GroundTruth, Stated
from ptychograd.data.files.formats.base import Format, Readers
from ptychograd.data.files.formats.items import FoundVariable, Items, overlaid, read_modes, read_patterns
from ptychograd.data.files.formats.keymap import READERS as BY_NAME
from ptychograd.data.files.formats.keymap import VARIABLE, variable
from ptychograd.data.files.formats.masks import of_own
from ptychograd.data.files.formats.quantities import in_pixels, metres, real
from ptychograd.data.files.safety import Catalogue, Entry
from ptychograd.data.files.writing.hdf5 import creating
from ptychograd.data.files.writing.patterns import write_patterns

FORMAT = "ptychograd dataset"
VERSION = 1
STATED = ("centre", "dark", "flat")
ANGLES = ("geometry/two_theta", "geometry/rocking")
MOST_ANGLES = 100_000
_PARAMETERS, _VARIABLES = "truth/parameters/", "variables/"
PLACES = {"patterns": "data/patterns", "positions": "data/positions"}
ALL_PLACES = {
    **PLACES,
    "mask": "data/mask",
    **{name: f"start/{name}" for name in ("probe", "support")},
    **{
        name: f"geometry/{name}"
        for name in ("wavelength", "distance", "pixel_size", "focus_distance", "two_theta", "rocking")
    },
}


def _check_count(name: str, entry: Entry) -> None:
    """Refuse a pixel that has neither one size nor two, and angles without number."""
    if name == "pixel_size" and entry.size not in (1, 2):
        raise InputError(f"{entry} has shape {entry.shape}; expected two lengths, (y, x).")
    if name == "rocking" and entry.size > MOST_ANGLES:
        raise InputError(f"geometry/rocking declares {entry.size:,} angles; expected at most {MOST_ANGLES:,}.")


def _variables(catalogue: Catalogue, given: Items) -> dict[str, FoundVariable]:
    """Those in the file, but for those that are given."""
    found = {}
    for entry in catalogue.walk():
        name = entry.name.removeprefix(_VARIABLES)
        if name != entry.name and name not in given.variables:
            found[name] = variable(entry, entry.units, f"{VARIABLE}{name}")
    return found


def _positions(entry: Entry) -> Items:
    """In pixels or metres, whichever the file says, or in another unit that someone wrote there."""
    values = real(entry)
    if entry.units is None or in_pixels(entry):
        return Items(positions=values, unit=entry.units and "pixel")
    unit = metres(entry)
    return Items(positions=values if unit == 1 else values * unit, unit="m")


def write(path: Path, data: Dataset) -> None:
    """Write a data set; an old file at `path` is replaced as a whole or not at all."""
    with creating(path) as file:
        file.attrs.update(format=FORMAT, format_version=VERSION, creator=f"ptychograd {__version__}")
        file.attrs.update(source=data.source, NX_class="NXentry", default="data")
        file.attrs["notes"] = np.array(data.notes, h5py.string_dtype())
        write_patterns(file, PLACES["patterns"], data)
        for name, array in _arrays(data).items():
            frames = array.shape == data.patterns.shape
            chunks = (1, *data.frame_shape) if frames else None
            deflate = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if frames else {}
            file.create_dataset(name, data=array, chunks=chunks, **deflate)
        file["data"].attrs.update(NX_class="NXdata", signal="patterns")
        file["data/patterns"].attrs.update(units="photons", interpretation="image")
        if data.positions is not None:
            file["data/positions"].attrs["units"] = "pixel" if data.geometry is None else "m"
        if data.variables:
            file["variables"].attrs["NX_class"] = "NXcollection"
        for name, one in data.variables.items():
            file[_VARIABLES + name].attrs["units"] = one.unit
        for name in (name for name in _arrays(data) if name.startswith("geometry/")):
            file[name].attrs["units"] = "rad" if name in ANGLES else "m"


def _arrays(data: Dataset) -> dict[str, np.ndarray]:
    """All that a data set has, by its place in the file."""
    geometry, truth = data.geometry, data.truth
    near = data.near_field
    bragg = data.rocking_curve
    arrays = {
        "data/positions": data.positions,
        "data/mask": data.mask,
        "geometry/wavelength": geometry and np.float64(geometry.wavelength),
        "geometry/distance": geometry and np.float64(geometry.distance),
        "geometry/pixel_size": geometry and np.array(geometry.pixel_size),
        "geometry/focus_distance": near and np.float64(near.focus_distance),
        "geometry/two_theta": bragg and np.float64(bragg.two_theta),
        "geometry/rocking": bragg and np.array(bragg.rocking),
        "start/probe": data.probe,
        "start/support": data.support,
        "truth/object": truth and truth.object,
        "truth/probe": truth and truth.probe,
        **{f"stated/{name}": getattr(data.stated, name) for name in STATED},
    }
    others = {_PARAMETERS + path: value for path, value in truth.parameters.items()} if truth else {}
    others |= {_VARIABLES + name: one.values for name, one in data.variables.items()}
    return {name: np.asarray(array) for name, array in (arrays | others).items() if array is not None}


def _array(catalogue: Catalogue, name: str) -> np.ndarray | None:
    entry = catalogue.find(name)
    return None if entry is None else entry.array()


def _truth(catalogue: Catalogue) -> GroundTruth | None:
    object, probe = _array(catalogue, "truth/object"), _array(catalogue, "truth/probe")
    if object is None:
        return None
    others = (entry for entry in catalogue.walk() if entry.name.startswith(_PARAMETERS))
    return GroundTruth(object, probe, {entry.name.removeprefix(_PARAMETERS): entry.array() for entry in others})


def _stated(catalogue: Catalogue) -> Stated:
    centre, dark, flat = (_array(catalogue, f"stated/{name}") for name in STATED)
    return Stated(None if centre is None else (float(centre[0]), float(centre[1])), dark, flat)


READERS: Readers = {**BY_NAME, "mask": of_own}
OWN: Readers = {
    "patterns": lambda entry: Items(patterns=read_patterns(entry)),
    "positions": _positions,
    "probe": lambda entry: Items(probe=read_modes(entry)),
    "support": lambda entry: Items(support=entry.array()),
}


class Native(Format):
    """The package's own layout."""

    name = "ptychograd"
    places = PLACES
    readers = READERS

    def recognises(self, catalogue):
        return catalogue.attributes.get("format") == FORMAT  # the root says what it is

    def read(self, catalogue, given, readers):
        root = catalogue.attributes
        if root.get("format_version") != VERSION:
            raise InputError(
                f"the file has format version {root.get('format_version')}, this ptychograd reads {VERSION};"
                " upgrade ptychograd."
            )
        whole = Items(
            without_positions=None if catalogue.find(PLACES["positions"]) else True,
            truth=_truth(catalogue),
            source=str(root.get("source", "")),
            notes=tuple(str(note) for note in np.asarray(root.get("notes", ())).ravel()),
            variables=_variables(catalogue, given),
            stated=_stated(catalogue),
        )
        for name, place in ALL_PLACES.items():
            entry = None if given.has(name) else catalogue.find(place)
            if entry is not None:
                _check_count(name, entry)
                whole = overlaid(whole, OWN.get(name, readers[name])(entry))
        return overlaid(whole, given)
