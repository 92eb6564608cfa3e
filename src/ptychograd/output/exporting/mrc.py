"""An image or a volume as MRC2014 (A. Cheng et al., J. Struct. Biol. 192, 146 (2015)), by mrcfile; pixels in ångström.

NAME.mrc is the phase, NAME_magnitude.mrc the magnitude, as 32-bit numbers (z, y, x); slices are sections along z. Row 0
comes first: programs that draw it at the bottom, as the format suggests, show the image upside down.
"""

from pathlib import Path

import mrcfile
import numpy as np

from ptychograd.data.files import replacing
from ptychograd.output.exporting.marks import FORMAT, VERSION
from ptychograd.output.exporting.product import Product
from ptychograd.output.exporting.several import beside, require_free

ANGSTROM = 1e-10


def write(product: Product, path: Path) -> tuple[Path, ...]:
    """Write a file for each channel."""
    targets = {beside(path, name): (name, values) for name, values in product.channels().items()}
    require_free(targets)
    for target, (name, values) in targets.items():
        array = np.ascontiguousarray(values.T if product.is_volume else values)
        with replacing(target) as temporary, mrcfile.new(temporary, overwrite=True) as file:
            file.set_data(array)
            file.voxel_size = _voxel(product)
            file.add_label(f"{FORMAT} {VERSION}: {name}")
            if product.layers and product.layers != "slices":
                file.set_image_stack()
    return tuple(targets)


def _voxel(product: Product) -> tuple[float, float, float]:
    """Sides along x, y and z in ångström; 0, which is unknown, without lengths."""
    if product.sampling is None:
        return 0.0, 0.0, 0.0
    if product.is_volume:
        x, y, z = (side / ANGSTROM for side in product.sampling)
        return x, y, z
    y, x = (side / ANGSTROM for side in product.sampling)
    return x, y, 0.0 if product.spacing is None else product.spacing / ANGSTROM
