"""A result as EMD 1.0 (emdatasets.com/format), which py4DSTEM and emdfile read: arrays with a vector for each axis.

Vectors hold the places of the first two points, in metres or in pixels.
"""

from pathlib import Path

import numpy as np

from ptychograd.data.files.writing.trees import Dataset, Group, write_tree
from ptychograd.output.exporting.marks import FORMAT, PROGRAM, VERSION
from ptychograd.output.exporting.product import Product

ROOT = "ptychograd"
ARRAY = {"emd_group_type": "array", "python_class": "Array"}
Axis = tuple[str, float, str]  # name, step, unit


def write(product: Product, path: Path) -> tuple[Path, ...]:
    """Write the image, the illumination's modes, positions and first pixels, and the lengths."""
    unit, steps = ("pixels", (1.0,) * len(product.axes)) if product.sampling is None else ("m", product.sampling)
    space = [(name, step, unit) for name, step in zip(product.axes, steps, strict=True)]
    layer = [(product.layers, product.spacing or 1.0, "m" if product.spacing else "")] if product.layers else []
    tree: dict[str, object] = {ROOT: Group({"emd_group_type": "root", "python_class": "Root"})}
    tree |= _array("object", product.image, [*layer, *space])
    if product.modes is not None:
        beam = space if not product.is_volume else [("y", 1.0, "pixels"), ("x", 1.0, "pixels")]
        tree |= _array("probe", product.modes, [("modes", 1.0, ""), *beam])
    each = [("index", 1.0, ""), ("y, x", 1.0, "")]
    for name, values, of in (("corners", product.corners, "pixels"), ("positions", product.positions, unit)):
        if values is not None:
            tree |= _array(name, values, each, of)
    tree |= _metadata(product)
    facts = {"emd_group_type": "file", "version_major": 1, "version_minor": 0}
    facts |= {"authoring_program": f"{PROGRAM} {VERSION}", "authoring_user": "", "format": FORMAT}
    write_tree(path, tree, facts)
    return (path,)


def _array(name: str, values: np.ndarray, axes: list[Axis], unit: str = "") -> dict[str, object]:
    found: dict[str, object] = {f"{ROOT}/{name}": Group(ARRAY)}
    found[f"{ROOT}/{name}/data"] = Dataset(values, {"units": unit})
    for number, (axis, step, of) in enumerate(axes):
        found[f"{ROOT}/{name}/dim{number}"] = Dataset(np.array([0.0, step]), {"name": axis, "units": of})
    return found


def _metadata(product: Product) -> dict[str, object]:
    """The lengths that are numbers, in metres, and the losses of the epochs."""
    bundle = f"{ROOT}/metadatabundle"
    place = f"{bundle}/ptychography"
    found: dict[str, object] = {bundle: Group({"emd_group_type": "metadatabundle"})}
    found[place] = Group({"emd_group_type": "metadata", "python_class": "Metadata"})
    for name in ("wavelength", "distance"):
        if (metres := product.number(name)) is not None:
            found[f"{place}/{name}"] = Dataset(metres, {"type": "number"})
    found[f"{place}/losses"] = Dataset(product.losses, {"type": "array"})
    return found
