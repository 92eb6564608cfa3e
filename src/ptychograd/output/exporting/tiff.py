"""An image or a volume as TIFF, in the form of ImageJ's hyperstacks, for Fiji and napari."""

import struct
from pathlib import Path

import numpy as np
import tifffile
from jaxtyping import Float

from ptychograd.data.files import replacing
from ptychograd.output.exporting.product import REAL, Product

CHANNELS = ("magnitude", "phase")  # with which every export begins, if it is no real image
MICROMETRE = 1e-6


def is_ours(path: Path) -> bool:
    """Whether a TIFF file has the channels that are exported."""
    try:
        with tifffile.TiffFile(path) as file:
            labels = (file.imagej_metadata or {}).get("Labels") or []
    except (tifffile.TiffFileError, OSError, ValueError, struct.error):
        return False
    return list(labels[: len(CHANNELS)]) == list(CHANNELS) or list(labels[:1]) == [REAL]


def sides(product: Product) -> tuple[float, ...]:
    """Sides of a pixel in micrometres, in the order of its axes; 1, in pixels, where no length is known."""
    sampling = product.sampling
    return tuple(side / MICROMETRE for side in sampling) if sampling else (1.0,) * len(product.axes)


def write(product: Product, path: Path) -> tuple[Path, ...]:
    """Write channels, with slices or states one after another; a volume is stored (z, y, x)."""
    found, pixel = product.channels(), sides(product)
    stacked = bool(product.layers) or product.is_volume
    if product.layers:
        stack = np.stack(list(found.values()), axis=1)  # slice, channel, y, x
        row, column = pixel
    elif product.is_volume:
        stack = np.stack([values.T for values in found.values()], axis=1)  # z, channel, y, x
        row, column = pixel[1], pixel[0]
    else:
        stack = np.stack(list(found.values()))
        row, column = pixel
    spacing = MICROMETRE if product.spacing is None else product.spacing  # a micrometre for what is no slice
    depth = spacing / MICROMETRE if product.layers else pixel[-1]
    facts = {
        "Ranges": tuple(bound for values in found.values() for bound in _bounds(values)),
        "axes": "ZCYX" if stacked else "CYX",
        "unit": "um" if product.sampling else "pixel",
        "Labels": list(found) * (stack.shape[0] if stacked else 1),
        "mode": "grayscale",
        **({"spacing": depth} if stacked else {}),
    }
    with replacing(path) as temporary:
        tifffile.imwrite(temporary, stack, imagej=True, resolution=(1 / column, 1 / row), metadata=facts)
    return (path,)


def _bounds(values: Float[np.ndarray, "..."]) -> tuple[float, float]:
    """Between which values a channel is shown."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
