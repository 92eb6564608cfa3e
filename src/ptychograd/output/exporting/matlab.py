"""A result as a .mat file (version 5) with the names of PtychoShelves and fold_slice, which ptyrad and phaser read.

Object (y, x, slices) and probe (y, x, modes); p.lambda, p.dx_spec and p.z in metres; outputs.probe_positions (x, y) in
pixels from the place at which the probe's window lies in the middle of the object's array.
"""

from pathlib import Path

import numpy as np
from scipy.io import savemat, whosmat
from scipy.io.matlab import MatReadError

from ptychograd.core.errors import InputError
from ptychograd.data.files import replacing
from ptychograd.output.exporting.marks import FORMAT, NAME
from ptychograd.output.exporting.product import Product

LARGEST = 2**31 - 1  # bytes of an array in version 5


def is_ours(path: Path) -> bool:
    """Whether a file has the variable that says so."""
    try:
        return any(name == NAME for name, _, _ in whosmat(path))
    except (MatReadError, NotImplementedError, OSError, ValueError, TypeError):
        return False


def write(product: Product, path: Path) -> tuple[Path, ...]:
    """Write object, probe, positions, lengths and losses, as far as there are."""
    image = np.moveaxis(product.image, 0, -1) if product.layers else product.image
    if image.nbytes > LARGEST:
        raise InputError(
            f"{path}: an object of {image.nbytes:,} bytes is too large for a .mat file; give a name with .nxs or .npz."
        )
    entries: dict[str, object] = {NAME: FORMAT, "object": image, "p": _lengths(product)}
    if product.modes is not None:
        entries["probe"] = np.moveaxis(product.modes, 0, -1)
    outputs: dict[str, object] = {"fourier_error_out": product.losses}
    if product.corners is not None and product.modes is not None:
        middle = np.ceil((np.array(product.image.shape[-2:]) - product.modes.shape[-2:]) / 2) - 1
        outputs["probe_positions"] = (product.corners - middle)[:, ::-1]
    with replacing(path) as temporary, temporary.open("wb") as file:
        savemat(file, {**entries, "outputs": outputs}, do_compression=True)
    return (path,)


def _lengths(product: Product) -> dict[str, object]:
    found: dict[str, object] = {"asize": [] if product.modes is None else list(product.modes.shape[-2:])}
    if product.sampling is not None:
        found["dx_spec"] = np.array(product.sampling[::-1] if not product.is_volume else product.sampling)
    for name, ours in (("lambda", "wavelength"), ("z", "distance")):
        if (metres := product.number(ours)) is not None:
            found[name] = metres
    if product.spacing is not None:
        found["multi_slice_param"] = {"z_distance": np.full(len(product.image) - 1, product.spacing)}
    return found
