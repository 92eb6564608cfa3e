"""A result as NeXus, which h5web, silx and NeXpy open on the object; any image or volume, in metres or in pixels."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ptychograd.data.files.writing.trees import Dataset, Group, write_tree
from ptychograd.output.exporting.marks import FORMAT, PROGRAM, VERSION
from ptychograd.output.exporting.product import Product

ENTRY = "entry"


def write(product: Product, path: Path) -> tuple[Path, ...]:
    """Write object and probe as NXdata, positions, lengths of the beamline, and what made them."""
    process = f"{ENTRY}/reconstruction"
    tree: dict[str, object] = {
        ENTRY: Group({"NX_class": "NXentry", "default": "object"}),
        f"{ENTRY}/title": product.name or PROGRAM,
        process: Group({"NX_class": "NXprocess"}),
        f"{process}/program": PROGRAM,
        f"{process}/version": VERSION,
        f"{process}/date": datetime.now(UTC).replace(microsecond=0).isoformat(),
        f"{process}/loss": product.losses,
        **_data("object", product.image, product.axes, product.layers, product),
    }
    if product.modes is not None:
        tree |= _data("probe", product.modes, ("y", "x"), "modes", product)
    if product.corners is not None:
        tree |= _positions(product)
    write_tree(path, tree | _instrument(product), {"NX_class": "NXroot", "default": ENTRY, "format": FORMAT})
    return (path,)


def _data(name: str, values: np.ndarray, axes: tuple[str, ...], layers: str, product: Product) -> dict[str, object]:
    group, lengths = f"{ENTRY}/{name}", product.sampling
    pixels = (1.0,) * len(axes) if lengths is None else lengths[-len(axes) :]
    named = [layers] * (values.ndim > len(axes)) + list(axes)
    found: dict[str, object] = {
        group: Group({"NX_class": "NXdata", "signal": "data", "axes": [n if n in axes else "." for n in named]}),
        f"{group}/data": Dataset(
            values, {"interpretation": "image", "long_name": " ".join([name, *filter(None, [layers])])}
        ),
    }
    for axis, pixel, count in zip(axes, pixels, values.shape[-len(axes) :], strict=True):
        unit = "pixels" if lengths is None else "m"
        found[f"{group}/{axis}"] = Dataset(pixel * np.arange(count), {"units": unit})
    if name == "object" and product.spacing is not None:
        found[f"{group}/slice_distance"] = Dataset(product.spacing, {"units": "m"})
    return found


def _positions(product: Product) -> dict[str, object]:
    group = f"{ENTRY}/positions"
    text = "first pixel (y, x) of the probe's window in the object's array"
    found: dict[str, object] = {
        group: Group({"NX_class": "NXcollection"}),
        f"{group}/corner": Dataset(product.corners, {"units": "pixels", "long_name": text}),
    }
    if product.positions is not None and product.sampling is not None:
        for column, axis in enumerate(("y", "x")):
            found[f"{group}/{axis}"] = Dataset(product.positions[:, column], {"units": "m"})
    return found


def _instrument(product: Product) -> dict[str, object]:
    group, pixel = f"{ENTRY}/instrument", product.lengths.get("pixel_size")
    wavelength, distance = product.number("wavelength"), product.number("distance")
    found: dict[str, object] = {group: Group({"NX_class": "NXinstrument"})}
    if wavelength is not None:
        found[f"{group}/beam"] = Group({"NX_class": "NXbeam"})
        found[f"{group}/beam/incident_wavelength"] = Dataset(wavelength, {"units": "m"})
    if distance is not None and isinstance(pixel, list | tuple):
        found[f"{group}/detector"] = Group({"NX_class": "NXdetector"})
        found[f"{group}/detector/distance"] = Dataset(distance, {"units": "m"})
        for side, axis in zip(pixel, ("y", "x"), strict=True):
            found[f"{group}/detector/{axis}_pixel_size"] = Dataset(float(side), {"units": "m"})
    return found
