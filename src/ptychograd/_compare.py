"""A result against the truth from which its data were simulated."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Complex
from scipy.ndimage import binary_erosion

from ptychograd._dataset import BraggGeometry, Dataset, Truth
from ptychograd._errors import InputError
from ptychograd._illumination import lit_pixels, met_pixels
from ptychograd._probes import orthogonal_modes
from ptychograd._result import Result
from ptychograd.metrics import compare_arrays, nrmse_within, register, shifted

DISTANCE = "object.distance"  # which only slices have
SHELL = 2  # voxels: at a crystal's faces noise and resolution blur what the core need not suffer from


def compare_with_truth(result: Result, data: Dataset) -> dict[str, float]:
    """NRMSE of object and of probe: plain, with shift and linear phase ramp taken out, and that where scanned.

    Of an object in slices the product is compared, and each slice if both sides have as many; of incoherent states, as
    of modes of the probe, the strongest of those that are orthogonal.

    The object is compared inside the support, if the data have one, and where the scan lit it; the probe
    everywhere, and where it met the unknown object. Crystals are registered in three dimensions (see
    `compare_crystals`).
    """
    if data.truth is None:
        raise InputError(f"{data.source} holds no ground truth; `ptychograd simulate` writes files that do.")
    truth, recovered = data.truth.object, result.object
    crystal = isinstance(data.geometry, BraggGeometry) or "object.density" in result.arrays
    same = truth.shape == recovered.shape if crystal else truth.shape[-2:] == recovered.shape[-2:]
    if not same:
        raise InputError(
            f"The truth's object has shape {truth.shape}, the result's {recovered.shape}: not the same scan."
        )
    if isinstance(data.geometry, BraggGeometry):
        figures = compare_crystals(truth, recovered, data.geometry.two_theta)
        return figures | {"probe_nrmse": register(_strongest(data.truth.probe), _strongest(result.probe))[1]}
    modelled = _as_modelled(data, result)
    box, sliced = _box(modelled), (DISTANCE in data.truth.parameters, DISTANCE in result.arrays)
    pairs = {
        "object": (_as_one(truth, sliced[0])[box], _as_one(recovered, sliced[1])[box]),
        "probe": (_strongest(data.truth.probe), _strongest(result.probe)),
    }
    scanned, figures = _scanned(result, modelled, data.truth), {}
    for name, (expected, found) in pairs.items():
        comparison = compare_arrays(expected, found)
        figures[f"{name}_nrmse"] = comparison.nrmse
        figures[f"{name}_nrmse_ramp_removed"] = comparison.nrmse_ramp_removed
        if name in scanned:
            figures[f"{name}_nrmse_scanned"] = nrmse_within(expected, comparison.registered, scanned[name])
    if all(sliced) and truth.shape == recovered.shape:
        for number, (expected, found) in enumerate(zip(truth, recovered, strict=True)):
            figures[f"slice_{number + 1}_nrmse"] = compare_arrays(expected[box], found[box]).nrmse_ramp_removed
    return figures | compare_parameters(data.truth, result)


def _as_one(object: Complex[np.ndarray, "*many Y X"], sliced: bool) -> Complex[np.ndarray, "Y X"]:
    """The transmission through all slices, or the strongest of the incoherent states."""
    if object.ndim == 2:
        return object
    return np.prod(object, axis=0) if sliced else _strongest(object)


def compare_parameters(truth: Truth, result: Result) -> dict[str, float]:
    """Root-mean-square error of every other parameter of which the truth tells, in its own unit."""
    pairs = {path: (value, result.arrays.get(path)) for path, value in truth.parameters.items()}
    return {
        f"{path} error": float(np.sqrt(np.mean(np.abs(found - value) ** 2)))
        for path, (value, found) in pairs.items()
        if found is not None and found.shape == value.shape and found.dtype.kind in "fc"
    }


def compare_crystals(
    truth: Complex[np.ndarray, "x y z"], recovered: Complex[np.ndarray, "x y z"], two_theta: float
) -> dict[str, float]:
    """NRMSE of a crystal after sub-voxel registration in 3D: of all, and of its core without the outer two voxels.

    Besides the root-mean-square error of the core's phase in radians, and how far the recovered crystal is displaced
    along the incident beam, which the data hardly tell, and across it, in voxels.
    """
    shift, error = register(truth, recovered)
    registered = shifted(recovered, shift)
    core = np.asarray(binary_erosion(np.abs(truth) > np.abs(truth).max() / 2, iterations=SHELL), bool)
    product = registered[core] * np.conj(truth[core])
    phase = np.angle(product * np.conj(np.sum(product)))
    along = float(-shift @ [np.sin(two_theta), np.cos(two_theta), 0])
    return {
        "object_nrmse": error,
        "core_nrmse": nrmse_within(truth, registered, core),
        "core_phase_rms": float(np.sqrt(np.mean(phase**2))) if core.any() else float("nan"),
        "shift_along_beam": along,
        "shift_across_beam": float(np.sqrt(max(0.0, shift @ shift - along**2))),
    }


def registered_crystal(
    truth: Complex[np.ndarray, "x y z"], recovered: Complex[np.ndarray, "x y z"]
) -> Complex[np.ndarray, "x y z"]:
    """The recovered density registered with the truth, times the number that makes it most alike."""
    moved = shifted(recovered, register(truth, recovered)[0])
    power = np.vdot(moved, moved).real
    return moved * (np.vdot(moved, truth) / power if power > 0 else 0)


def _scanned(result: Result, data: Dataset, truth: Truth) -> dict[str, Bool[np.ndarray, "y x"]]:
    """Pixels of the object that were lit, and of the probe that met the unknown object, if the scan is known."""
    corners = result.arrays.get("scan.corner")
    if corners is None:
        return {}
    lit = lit_pixels(truth.object.shape[-2:], corners, truth.probe, data.support)
    return {"object": lit[_box(data)], "probe": met_pixels(result.probe.shape[1:], corners, data.support)}


def _as_modelled(data: Dataset, result: Result) -> Dataset:
    """The data with the model's support, where that lies in another array, as on a finer grid."""
    support = result.arrays.get("object.support")
    if support is None or data.support is None or support.shape == data.support.shape:
        return data
    return replace(data, support=support)


def inside_support(image: Complex[np.ndarray, "y x"], data: Dataset) -> Complex[np.ndarray, "box_y box_x"]:
    """The part of an object's array that is unknown: the box around the support, if the data have one."""
    return image[_box(data)]


def _box(data: Dataset) -> tuple[slice, ...]:
    if data.support is None:
        return (slice(None), slice(None))
    rows, columns = (np.flatnonzero(data.support.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _strongest(modes: Complex[np.ndarray, "modes y x"]) -> Complex[np.ndarray, "y x"]:
    return orthogonal_modes(modes)[0][0] if len(modes) > 1 else modes[0]
