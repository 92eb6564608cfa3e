"""An image as grey pictures (PNG) for a page or a talk: NAME.png is the phase, NAME_magnitude.png the magnitude."""

from pathlib import Path

import numpy as np
from matplotlib.image import imsave

from ptychograd.core.errors import InputError
from ptychograd.data.files import replacing
from ptychograd.output.exporting.marks import FORMAT
from ptychograd.output.exporting.product import Product
from ptychograd.output.exporting.several import beside, require_free

SHOWN = (0.5, 99.5)  # percentiles of what is lit: black and white


def write(product: Product, path: Path) -> tuple[Path, ...]:
    """Write a picture of each channel, and of each slice or state where there are several."""
    if product.is_volume:
        raise InputError(f"{path}: PNG is for images, and this object is a volume; give a name with .tiff or .mrc.")
    pictures = {}
    for name, values in product.channels().items():
        layers = values if product.layers else values[None]
        for number, layer in enumerate(layers, start=1):
            pictures[beside(path, name, number if len(layers) > 1 else None)] = (name, layer)
    require_free(pictures)
    for target, (name, layer) in pictures.items():
        black, white = np.percentile(layer[product.illuminated], SHOWN)
        text = f"{name} from {black:.6g} (black) to {white:.6g} (white)"
        with replacing(target) as temporary:
            imsave(
                temporary,
                layer,
                vmin=float(black),
                vmax=float(max(white, np.nextafter(black, np.inf))),
                cmap="gray",
                format="png",
                metadata={"Software": FORMAT, "Description": text},
            )
    return tuple(pictures)
