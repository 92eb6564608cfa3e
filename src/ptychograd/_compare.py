"""A result against the truth from which its data were simulated."""

import numpy as np
from jaxtyping import Bool, Complex

from ptychograd._dataset import Dataset, Truth
from ptychograd._errors import InputError
from ptychograd._illumination import lit_pixels, met_pixels
from ptychograd._result import Result
from ptychograd.metrics import compare_arrays, nrmse_within


def compare_with_truth(result: Result, data: Dataset) -> dict[str, float]:
    """NRMSE of object and of probe: plain, with shift and linear phase ramp taken out, and that where scanned.

    The object is compared inside the support, if the data have one, and where the scan lit it; the probe
    everywhere, and where it met the unknown object. Of several probe modes the strongest of each side are compared.
    """
    if data.truth is None:
        raise InputError(f"{data.source} holds no ground truth; `ptychograd simulate` writes files that do.")
    truth, recovered = data.truth.object, result.object
    if truth.shape != recovered.shape:
        raise InputError(
            f"The truth's object has shape {truth.shape}, the result's {recovered.shape}: not the same scan."
        )
    box = _box(data)
    pairs = {
        "object": (truth[box], recovered[box]),
        "probe": (_strongest(data.truth.probe), _strongest(result.probe)),
    }
    scanned, figures = _scanned(result, data, data.truth), {}
    for name, (expected, found) in pairs.items():
        comparison = compare_arrays(expected, found)
        figures[f"{name}_nrmse"] = comparison.nrmse
        figures[f"{name}_nrmse_ramp_removed"] = comparison.nrmse_ramp_removed
        if name in scanned:
            figures[f"{name}_nrmse_scanned"] = nrmse_within(expected, comparison.registered, scanned[name])
    return figures


def _scanned(result: Result, data: Dataset, truth: Truth) -> dict[str, Bool[np.ndarray, "y x"]]:
    """Pixels of the object that were lit, and of the probe that met the unknown object, if the scan is known."""
    corners = result.arrays.get("scan.corner")
    if corners is None:
        return {}
    lit = lit_pixels(truth.object.shape, corners, truth.probe, data.support)
    return {"object": lit[_box(data)], "probe": met_pixels(data.frame_shape, corners, data.support)}


def inside_support(image: Complex[np.ndarray, "y x"], data: Dataset) -> Complex[np.ndarray, "box_y box_x"]:
    """The part of an object's array that is unknown: the box around the support, if the data have one."""
    return image[_box(data)]


def _box(data: Dataset) -> tuple[slice, ...]:
    if data.support is None:
        return (slice(None), slice(None))
    rows, columns = (np.flatnonzero(data.support.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _strongest(modes: Complex[np.ndarray, "modes y x"]) -> Complex[np.ndarray, "y x"]:
    return modes[np.argmax(np.sum(np.abs(modes) ** 2, axis=(1, 2)))]
