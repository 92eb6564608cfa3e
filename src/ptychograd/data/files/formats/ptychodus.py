"""Files of ptychodus, HDF5 and NPZ: diffraction patterns, and products with positions, probe and geometry.

A product completes the patterns: named after them, or beside them as `product.h5` (its `StandardFileLayout`). Positions
are x and y of the probe in metres, added (`api/io.py`, `plugins/npz_product_file.py`).
"""

import math
from dataclasses import replace

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.formats.base import Format
from ptychograd.data.files.formats.items import Items, overlaid, read_modes, read_patterns
from ptychograd.data.files.formats.keymap import READERS
from ptychograd.data.files.formats.quantities import real
from ptychograd.data.files.safety import Catalogue, Entry
from ptychograd.data.geometry import wavelength_from_kev

DIFFRACTION, PRODUCT = "diffraction.h5", "product.h5"
NUMBERS, X, Y = "probe_position_indexes", "probe_position_x_m", "probe_position_y_m"
WIDTH, HEIGHT = "detector_pixel_width_m", "detector_pixel_height_m"
ENERGY = ("photon_energy_eV", "probe_energy_eV")
PLACES = {"patterns": "patterns", "positions": f"a product, as {PRODUCT} beside a file {DIFFRACTION}"}
PLACES_OF_PRODUCT = {"patterns": "the diffraction file", "positions": f"{Y} and {X}"}


class Diffraction(Format):
    """Assembled patterns."""

    name = "ptychodus diffraction"
    places = PLACES
    readers = READERS

    def recognises(self, catalogue):
        return catalogue.find("patterns") is not None and catalogue.find("indexes") is not None

    def companions(self, path):
        return (path.with_name(PRODUCT),) if path.name == DIFFRACTION else ()

    def read(self, catalogue, given, readers):
        entry, whole = catalogue.find("patterns"), Items()
        if entry is not None and given.patterns is None:
            numbers = catalogue.find("indexes")
            whole = Items(patterns=read_patterns(entry), written=entry.written())
            whole = replace(whole, numbers=None if numbers is None else real(numbers).astype(int).ravel())
        size = [None if entry is None else entry.attribute(name) for name in (HEIGHT, WIDTH)]
        if given.pixel_size is None and all(isinstance(one, int | float) and one > 0 for one in size):
            whole = overlaid(whole, Items(pixel_size=(float(str(size[0])), float(str(size[1])))))
        bad = catalogue.find("bad_pixels")
        if bad is not None and given.mask is None:
            whole = overlaid(whole, readers["mask"](bad))
        return overlaid(whole, given)


class Product(Format):
    """A reconstruction, or a start of one."""

    name = "ptychodus product"
    places = PLACES_OF_PRODUCT
    readers = READERS

    def recognises(self, catalogue):
        return all(catalogue.find(name) is not None for name in (NUMBERS, X, Y))

    def completes(self, catalogue):
        return True

    def read(self, catalogue, given, readers):
        columns = [catalogue.find(name) for name in (NUMBERS, Y, X)]
        numbers, y, x = (np.ravel(real(entry)) for entry in columns if entry is not None)
        if not len(numbers) == len(y) == len(x):
            raise InputError(f"{len(numbers)} {NUMBERS}, {len(y)} {Y} and {len(x)} {X}; expected as many of each.")
        found = Items(positions=np.column_stack([y, x]).astype(float), unit="m", position_numbers=numbers.astype(int))
        energy = number_in(catalogue, *ENERGY)
        distance, focus = (number_in(catalogue, f"{what}_object_distance_m") for what in ("detector", "focus"))
        if energy:
            found = replace(found, wavelength=wavelength_from_kev(energy / 1000))
        if distance:
            found = replace(found, distance=distance)
        far = number_in(catalogue, "far_field")
        if far is not None and not far:
            found = replace(found, focus_distance=abs(focus) if focus else math.inf)
        probe = catalogue.find("probe")
        if probe is not None and probe.dtype.kind == "c":
            found = replace(found, probe=coherent_modes(probe))
        return overlaid(found, given)


def number_in(catalogue: Catalogue, *names: str) -> float | None:
    """A number that HDF5 has as the root's attribute, and NPZ as an array; None where there is none."""
    for name in names:
        value = catalogue.attribute(name)
        if isinstance(value, bool | int | float):
            return float(value)
        entry = catalogue.find(name)
        if entry is not None and entry.size == 1 and entry.dtype.kind in "buif":
            return float(entry.array().ravel()[0])
    return None


def coherent_modes(probe: Entry) -> np.ndarray:
    """Modes (modes, y, x) of a probe (varying, modes, y, x), of which the first of those that vary is the mean one."""
    modes = read_modes(probe)
    return modes[: probe.shape[-3]] if len(probe.shape) > 2 else modes
