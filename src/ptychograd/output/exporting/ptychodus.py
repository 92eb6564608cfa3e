"""A result as a product of ptychodus, in HDF5 or NPZ, with the names and units of its `api/io.py` (version 1.7).

Probe (coherent, incoherent, y, x), object (layer, y, x), positions in metres: the middle of the probe's array lies at
column (x - center_x)/dx + (W - 1)/2 of the object, and rows likewise. pty-chi takes the same arrays.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Complex

from ptychograd.core.errors import InputError
from ptychograd.core.log import log
from ptychograd.data.files import replacing
from ptychograd.data.files.writing.trees import Dataset, write_tree
from ptychograd.data.geometry import kev_from_wavelength
from ptychograd.output.exporting.marks import FORMAT, NAME, PROGRAM, VERSION
from ptychograd.output.exporting.product import Product, complex_image


def write_hdf5(product: Product, path: Path) -> tuple[Path, ...]:
    """Write a product in HDF5."""
    facts, arrays = _metadata(product), _arrays(product, "ptychodus product")
    lengths = _lengths(product)
    of_object = {name.removeprefix("object_"): value for name, value in lengths.items() if name.startswith("object_")}
    of_probe = {name.removeprefix("probe_"): value for name, value in lengths.items() if name.startswith("probe_")}
    tree: dict[str, object] = {**arrays}
    tree["object"], tree["probe"] = Dataset(arrays["object"], of_object), Dataset(arrays["probe"], of_probe)
    write_tree(path, tree, {**facts, "format": FORMAT})
    return (path,)


def write_npz(product: Product, path: Path) -> tuple[Path, ...]:
    """Write a product as arrays of NumPy, with the lengths of object and probe beside them."""
    entries = {**_metadata(product), **_arrays(product, "ptychodus product"), **_lengths(product), NAME: FORMAT}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **entries)  # type: ignore[arg-type]
    return (path,)


def energy_ev(product: Product, format: str) -> float:
    """Energy of a photon of the product's wavelength; NaN, which is said, where none is known."""
    wavelength = product.number("wavelength")
    if wavelength is None:
        log.warning("export: the result names no wavelength, and the %s gets none.", format)
        return math.nan
    return 1e3 * kev_from_wavelength(wavelength)


def centre(product: Product) -> tuple[float, float]:
    """Where the middle of the image, at pixel (n - 1)/2, lies in the positions' metres, (y, x)."""
    places, pixel = product.centres, sampling(product, "product")
    if places is None or product.positions is None:
        return 0.0, 0.0
    middle = (np.array(product.image.shape[-2:]) - 1) / 2
    y, x = np.mean(product.positions - (places - middle) * pixel, axis=0)
    return float(y), float(x)


def positions(product: Product, format: str) -> np.ndarray:
    """Middles of the windows (index, 2) in metres, on the axes of the image's centre."""
    places = product.centres
    if places is None:
        raise InputError(
            f"A {format} holds a probe and its positions in the image, and this result's model names none; give a "
            "name with .tiff or .nxs."
        )
    middle = (np.array(product.image.shape[-2:]) - 1) / 2
    return (places - middle) * sampling(product, format) + centre(product)


def sampling(product: Product, format: str) -> tuple[float, float]:
    """Object pixel (y, x) in metres; raises `InputError` where it is not known."""
    if product.sampling is None:
        raise InputError(
            f"A {format} holds lengths in metres, and this result's are in pixels; reconstruct with wavelength, "
            "distance and pixel size, or give a name with .tiff, .mat or .nxs."
        )
    return product.sampling[-2], product.sampling[-1]


def probe(product: Product, format: str) -> Complex[np.ndarray, "1 modes y x"]:
    """Modes in the form (coherent, incoherent, y, x)."""
    if product.modes is None:
        raise InputError(
            f"A {format} holds a probe, and this result's model names none; give a name with .tiff or .nxs."
        )
    return np.asarray(product.modes, np.result_type(product.modes.dtype, np.complex64))[None]


def _metadata(product: Product) -> dict[str, object]:
    found = product.lengths
    return {
        "name": product.name or "ptychograd",
        "comments": f"{PROGRAM} {VERSION}",
        "detector_object_distance_m": product.number("distance") or math.nan,
        "focus_object_distance_m": _finite(product.number("focus_distance")),
        "photon_energy_eV": energy_ev(product, "ptychodus product"),
        "probe_photon_count": 0.0 if product.modes is None else float(np.sum(np.abs(product.modes) ** 2)),
        "exposure_time_s": 0.0,
        "mass_attenuation_m2_per_kg": 0.0,
        "tomography_angle_deg": 0.0,
        "tilt_angle_deg": 0.0,
        "far_field": "focus_distance" not in found,
    }


def _finite(value: float | None) -> float:
    return value if value is not None and math.isfinite(value) else 0.0


def _arrays(product: Product, format: str) -> dict[str, np.ndarray]:
    image, places = complex_image(product, format), positions(product, format)
    found = {
        "object": image,
        "probe": probe(product, format),
        "probe_position_indexes": np.arange(len(places)),
        "probe_position_x_m": places[:, 1],
        "probe_position_y_m": places[:, 0],
        "object_layer_spacing_m": np.full(len(image) - 1, product.spacing or 0.0),
        "loss_epochs": np.arange(len(product.losses)),
        "loss_values": product.losses,
    }
    return found


def _lengths(product: Product) -> Mapping[str, float]:
    (height, width), (y, x) = sampling(product, "ptychodus product"), centre(product)
    of_object = {"object_center_x_m": x, "object_center_y_m": y}
    pixels = {
        f"{one}_pixel_{side}_m": pixel
        for one in ("object", "probe")
        for side, pixel in (("height", height), ("width", width))
    }
    return {**of_object, **pixels}
