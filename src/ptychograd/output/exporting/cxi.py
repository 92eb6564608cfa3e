"""A result as CXI 1.6 (F. Maia, Nat. Methods 9, 854 (2012)), as ptychodus and cdtools read it.

Probe in image_1, object in image_2, positions of the probe (x, y, 0) in metres as translations, with the axes of the
detector that cdtools takes where a file names none: rows along -y, columns along -x. Both then place a pattern at row
+y and column +x.
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ptychograd.core.log import log
from ptychograd.data.files.writing.trees import Dataset, Link, write_tree
from ptychograd.data.geometry import ENERGIES, kev_from_wavelength
from ptychograd.output.exporting.marks import FORMAT, PROGRAM, VERSION
from ptychograd.output.exporting.product import Product, complex_image
from ptychograd.output.exporting.ptychodus import centre, positions, probe, sampling

CXI_VERSION = 160
ENTRY = "entry_1"
INSTRUMENT, SAMPLE, MORE = f"{ENTRY}/instrument_1", f"{ENTRY}/sample_1", f"{ENTRY}/ptychodus"
TRANSLATION = f"{SAMPLE}/geometry_1/translation"


def write(product: Product, path: Path) -> tuple[Path, ...]:
    """Write object, probe, positions and geometry; patterns stay in the file of the data."""
    image, places = complex_image(product, "CXI file"), positions(product, "CXI file")
    now = datetime.now(UTC).replace(microsecond=0).isoformat()
    translation = np.column_stack([places[:, 1], places[:, 0], np.zeros(len(places))])
    tree: dict[str, object] = {
        "cxi_version": CXI_VERSION,
        "number_of_entries": 1,
        f"{ENTRY}/title": product.name or PROGRAM,
        f"{ENTRY}/start_time": now,
        f"{ENTRY}/process_1/program": PROGRAM,
        f"{ENTRY}/process_1/version": VERSION,
        f"{ENTRY}/process_1/date": now,
        TRANSLATION: Dataset(translation, {"units": "m", "sign": "of the probe on the object: row +y, column +x"}),
        f"{ENTRY}/data_1/translation": Link(TRANSLATION),
        f"{INSTRUMENT}/detector_1/translation": Link(TRANSLATION),
        **_geometry(product),
        **_image("image_1", probe(product, "CXI file"), "coherent:incoherent:y:x", product),
        f"{INSTRUMENT}/source_1/illumination": Link(f"{ENTRY}/image_1/data"),
        **_image("image_2", image, "layer:y:x", product),
        **_more(product, len(image)),
    }
    write_tree(path, tree, {"format": FORMAT})
    return (path,)


def _geometry(product: Product) -> dict[str, object]:
    """Lengths of the beamline as far as they are known."""
    found: dict[str, object] = {}
    wavelength = product.number("wavelength")
    if wavelength is not None:
        found[f"{INSTRUMENT}/source_1/energy"] = kev_from_wavelength(wavelength) / ENERGIES["J"]
        found[f"{INSTRUMENT}/source_1/wavelength"] = wavelength
    detector, distance = f"{INSTRUMENT}/detector_1", product.number("distance")
    pixel = product.lengths.get("pixel_size")
    if distance is not None:
        found[f"{detector}/distance"] = distance
    if isinstance(pixel, list | tuple):
        height, width = (float(side) for side in pixel)
        found |= {f"{detector}/y_pixel_size": height, f"{detector}/x_pixel_size": width}
        found[f"{detector}/basis_vectors"] = np.array([[0, -width], [-height, 0], [0, 0]])
    if wavelength is None or distance is None or not isinstance(pixel, list | tuple):
        log.warning("export: the CXI file gets no wavelength, distance and pixel size that the result does not name.")
    return found


def _image(name: str, values: np.ndarray, axes: str, product: Product) -> dict[str, object]:
    height, width = (n * pixel for n, pixel in zip(values.shape[-2:], sampling(product, "CXI file"), strict=True))
    return {
        f"{ENTRY}/{name}/data": Dataset(values, {"axes": axes}),
        f"{ENTRY}/{name}/data_type": "amplitude",
        f"{ENTRY}/{name}/data_space": "real",
        f"{ENTRY}/{name}/image_size": np.array([width, height, 0.0]),
    }


def _more(product: Product, layers: int) -> dict[str, object]:
    """What CXI has no place for, where ptychodus keeps it."""
    (height, width), (y, x) = sampling(product, "CXI file"), centre(product)
    found: dict[str, object] = {
        f"{MORE}/{one}_pixel_{side}_m": pixel
        for one in ("object", "probe")
        for side, pixel in (("height", height), ("width", width))
    }
    found |= {f"{MORE}/object_center_x_m": x, f"{MORE}/object_center_y_m": y}
    found[f"{MORE}/probe_position_indexes"] = np.arange(0 if product.corners is None else len(product.corners))
    if layers > 1:
        found[f"{MORE}/object_layer_spacing_m"] = np.full(layers - 1, product.spacing or 0.0)
    return found | {f"{MORE}/loss_epochs": np.arange(len(product.losses)), f"{MORE}/loss_values": product.losses}
