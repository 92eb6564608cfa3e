"""A result as `Reconstruction.saveResults` of PtyLab (0.3.7) writes it: object and probe with six axes, the encoder.

The axes are wavelength, state, mode, slice, y, x. The first pixel of a window is encoder / dxp + No // 2 - Np // 2 of
the object's No x No pixels, of which the probe's window has Np x Np.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Complex

from ptychograd.core.errors import InputError
from ptychograd.core.log import log
from ptychograd.data.files.writing.trees import write_tree
from ptychograd.output.exporting.marks import FORMAT
from ptychograd.output.exporting.product import Product, complex_image

SAME = 1e-3  # share of a pixel's side by which the other may differ


def write(product: Product, path: Path) -> tuple[Path, ...]:
    """Write a reconstruction of conventional ptychography (CPM).

    Raises:
        InputError: no probe or positions, or a window or pixels that are not square, for which PtyLab has one number.
    """
    image = _square(complex_image(product, "PtyLab result")).astype(np.complex64)
    modes, corners, side = product.modes, product.corners, _side(product)
    if modes is None or corners is None:
        raise InputError("PtyLab's results have a probe and positions, which this one lacks; give a name with .nxs.")
    if modes.shape[-1] != modes.shape[-2]:
        shape = modes.shape[-2:]
        raise InputError(
            f"PtyLab's windows are square, and this one has {shape} pixels; give a name with .nxs or .mat."
        )
    probe = np.asarray(modes, np.complex64)
    middle = image.shape[-1] // 2 - modes.shape[-1] // 2
    tree: dict[str, object] = {
        "object": image[None, None, None],
        "probe": np.repeat(probe[None, None, :, None], len(image), axis=3),
        "I object": np.abs(image)[None, None, None],
        "I probe": np.abs(probe)[None, None, :, None],
        "error": product.losses.astype(np.float32),
        "dxp": np.float32(side),
        "encoder_corrected": (corners - middle) * side,
        "purityProbe": np.float32(_purity(probe)),
        "purityObject": np.float32(1),
    }
    for name, ours in (("wavelength", "wavelength"), ("zo", "distance")):
        metres = product.number(ours)
        tree[name] = np.float32(np.nan if metres is None else metres)
    write_tree(path, tree, {"format": FORMAT})
    return (path,)


def _side(product: Product) -> float:
    """Side of the object's pixel in metres."""
    if product.sampling is None:
        raise InputError("PtyLab's results are in metres, and this one is in pixels; give a name with .nxs or .mat.")
    if np.ptp(product.sampling) > SAME * min(product.sampling):
        raise InputError(
            f"PtyLab's pixels are square, and those of this object are {product.sampling} m; give a name with .nxs."
        )
    return float(np.mean(product.sampling))


def _square(image: Complex[np.ndarray, "slices y x"]) -> Complex[np.ndarray, "slices n n"]:
    """The image in a square array whose first pixel is the same; what is added is 0."""
    rows, columns = image.shape[-2:]
    if rows == columns:
        return image
    n = max(rows, columns)
    log.info("export: PtyLab's objects are square; this one of %d x %d pixels is continued by zeros.", rows, columns)
    return np.pad(image, ((0, 0), (0, n - rows), (0, n - columns)))


def _purity(modes: Complex[np.ndarray, "modes y x"]) -> float:
    """sqrt(Σ p²) of the modes' shares p of the power, as PtyLab counts it: 1 for one mode."""
    power = np.linalg.svd(modes.reshape(len(modes), -1).astype(np.complex128), compute_uv=False) ** 2
    return float(np.sqrt(np.sum((power / max(power.sum(), np.finfo(float).tiny)) ** 2)))
