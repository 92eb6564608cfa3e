"""A result against the truth from which its data were simulated."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Complex, Inexact
from scipy.ndimage import binary_erosion

from ptychograd.core.arrays import shifted
from ptychograd.core.errors import InputError
from ptychograd.core.illumination import illuminated_pixels, met_pixels
from ptychograd.core.parameters import matches
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset, GroundTruth
from ptychograd.fitting.result import Result, pixels_with_data
from ptychograd.physics import paths
from ptychograd.physics.probes import orthogonal_modes
from ptychograd.physics.roles import Roles, as_record, correcting, nominal_of, path_of
from ptychograd.physics.scan import affine_fit, corrections_of
from ptychograd.quality.metrics import compare_arrays, nrmse_but_for, nrmse_within, register

ERROR = " error"  # how the names of errors of parameters end
MOVED = ("scan.position error", "scan.position (affine removed) error")  # figures, whatever holds the positions
SHELL = 2  # voxels: at a crystal's faces noise and resolution blur what the core need not suffer from


def compare_with_truth(result: Result, data: Dataset) -> dict[str, float]:
    """Compare a result with the truth that its data were simulated from, image by image and number by number.

    NRMSE of object and of probe, of which scale and phase are taken out: plain, with shift and linear phase ramp taken
    out too, and that where scanned. Of an image whose `gauge` names no ramp there is one NRMSE, where the patterns tell
    of it, from which nothing is taken out but what the gauge names.

    Of an object in slices the product is compared, and each slice if both sides have as many; of incoherent states, as
    of modes of the probe, the strongest of those that are orthogonal.

    The object is compared inside the support, if the data have one, and where the scan lit it; the probe
    everywhere, and where it met the unknown object. Where the windows of one are larger, as of a binned far field,
    both are compared in the middle that they share. Crystals are registered in three dimensions (see
    `compare_crystals`).

    Args:
        result: of a model that names its image (see `Roles`), and its illumination if it has one.
        data: from which it was made, with their `truth`.

    Returns:
        figures by name, as "object_nrmse" and "probe_nrmse"; of other parameters the root-mean-square error in their
        own unit.

    Raises:
        InputError: the data hold no truth, or one of another scan.

    Example:
        >>> figures = pg.quality.compare_with_truth(result, data)
        >>> figures["object_nrmse"] > figures["object_nrmse_scanned"] > 0
        True
    """
    if data.truth is None:
        raise InputError(
            f"{data.source} holds no ground truth; `ptychograd simulate` writes files that do, and `make_dataset` "
            "takes one as `truth`."
        )
    true, numbers = true_corrections(data.truth, result), compare_parameters(data.truth, result)
    in_slices = _is_in_slices(data.truth, result)
    whole, result = _in_one_window(data.truth, result)
    truth, recovered = _without_margins(whole, result, is_moved="offset" in true)
    if curve := data.rocking_curve:
        figures = compare_crystals(truth, recovered, curve.two_theta)
        return figures | {"probe_nrmse": register(_strongest(_probe(whole)), _strongest(result.probe))[1]}
    modelled, image = _as_modelled(data, result), result.roles.image
    box, sliced = _box(modelled), (in_slices, image is not None and image.layers == "slices")
    pairs = {"object": (_as_one(truth, sliced[0])[box], _as_one(recovered, sliced[1])[box])}
    if whole.probe is not None and result.roles.illumination is not None:
        pairs["probe"] = _strongest(whole.probe), _strongest(result.probe)
    scanned, figures = _scanned(result, modelled, whole), {}
    if image is not None and image.support is None and "ramp" not in image.gauge:
        where = central(pixels_with_data(result.roles), truth.shape)[box]
        figures["object_nrmse"] = nrmse_but_for(*pairs.pop("object"), image.gauge, where)
    for name, (expected, found) in pairs.items():
        comparison = compare_arrays(expected, found)
        figures[f"{name}_nrmse"] = comparison.nrmse
        figures[f"{name}_nrmse_ramp_removed"] = comparison.nrmse_ramp_removed
        if name in scanned:
            figures[f"{name}_nrmse_scanned"] = nrmse_within(expected, comparison.registered, scanned[name])
    if all(sliced) and truth.shape == recovered.shape:
        for number, (expected, found) in enumerate(zip(truth, recovered, strict=True)):
            figures[f"slice_{number + 1}_nrmse"] = compare_arrays(expected[box], found[box]).nrmse_ramp_removed
    return figures | numbers | compare_positions(true, result)


def compared_if_known(result: Result, data: Dataset) -> dict[str, float]:
    """The figures of `compare_with_truth`, where the data hold a truth of that shape; none else."""
    truth = data.truth
    comparable = truth is not None and truth.object.shape == result.object.shape
    return compare_with_truth(result, data) if comparable else {}


def _is_in_slices(truth: GroundTruth, result: Result) -> bool:
    """Whether the truth tells how far slices are from each other: by the result's path, or a built-in object's."""
    return any(path in truth.parameters for path in (paths.DISTANCE, path_of(result.record, "image", "spacing")))


def _probe(truth: GroundTruth) -> Complex[np.ndarray, "modes y x"]:
    if truth.probe is None:
        raise InputError("The truth holds no probe to compare with.")
    return truth.probe


def _in_one_window(truth: GroundTruth, result: Result) -> tuple[GroundTruth, Result]:
    """Both in the smaller of their windows, if one has the same pixels in a larger one about the same middle."""
    image, beam, places = result.roles
    if image is None or beam is None or truth.probe is None or len(image.axes) != 2 or np.ndim(beam.array) != 3:
        return truth, result
    sizes = truth.probe.shape[-2:], result.probe.shape[-2:]
    shape = min(sizes[0][0], sizes[1][0]), min(sizes[0][1], sizes[1][1])
    if all(size == shape for size in sizes):
        return truth, result
    spare = [[(n // 2 - m // 2, n - m - n // 2 + m // 2) for n, m in zip(size, shape, strict=True)] for size in sizes]
    whole = {name: getattr(image, name) for name in ("array", "support", "illuminated")}
    smaller = {name: _without(np.asarray(array), spare[1]) for name, array in whole.items() if array is not None}
    roles = Roles(image._replace(**smaller), beam._replace(array=_without(np.asarray(beam.array), spare[1])), places)
    narrow = GroundTruth(_without(truth.object, spare[0]), _without(truth.probe, spare[0]), truth.parameters)
    return narrow, result._replace(recorded_roles=as_record(roles))


def _without(image: np.ndarray, margins: list[tuple[int, int]]) -> np.ndarray:
    """The image without so many of its first and last rows and columns."""
    rows, columns = (slice(low, n - high) for n, (low, high) in zip(image.shape[-2:], margins, strict=True))
    return image[..., rows, columns]


def _without_margins(truth: GroundTruth, result: Result, is_moved: bool) -> tuple[np.ndarray, np.ndarray]:
    """Objects of truth and result over the array that the nominal scan covers, without the reach of its positions.

    A truth whose positions were moved has a margin of its own.
    """
    reach, recovered, true = _reach(result), result.object, truth.object
    shape = tuple(n - 2 * reach for n in recovered.shape[-2:])
    spare = {n - m for n, m in zip(true.shape[-2:], shape, strict=True)}
    fits = spare == {0} or (is_moved and len(spare) == 1 and min(spare) > 0)
    is_volume = result.roles.image is not None and len(result.roles.image.axes) == 3
    if not fits or (is_volume and true.shape[:1] != recovered.shape[:1]):
        raise InputError(
            f"The truth's object has shape {true.shape}, the result's {recovered.shape}: not the same scan; give the "
            "file that the result was made from."
        )
    return central(true, shape), central(recovered, shape)


def central(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The middle of that shape of the last two axes."""
    low = [(n - m) // 2 for n, m in zip(image.shape[-2:], shape, strict=True)]
    return image[..., low[0] : low[0] + shape[0], low[1] : low[1] + shape[1]]


def true_corrections(truth: GroundTruth, result: Result) -> dict[str, np.ndarray]:
    """What corrects positions in the truth, by field of `Positions`: by the result's paths, or those of a scan."""
    known = paths.CORRECTING | correcting(result.record)
    return {name: truth.parameters[path] for name, path in known.items() if path in truth.parameters}


@meant
def compare_positions(true: Mapping[str, np.ndarray], result: Result) -> dict[str, float]:
    """Root-mean-square error of the positions along each axis, in object pixels, without their mean.

    Besides that without what an affine change of all positions makes good. None where nothing moved in truth or result.
    """
    places = result.roles.positions
    if places is None or (places.corrections is None and "offset" not in true):
        return {}
    nominal = nominal_of(places)
    found = np.zeros(nominal.shape, np.float32) if places.corrections is None else np.asarray(places.corrections)
    error = np.asarray(found - corrections_of(nominal, found.dtype, **true), np.float64)
    error -= error.mean(axis=0)
    rest = error - affine_fit(nominal, error)[1]
    return {name: float(np.sqrt(np.mean(left**2))) for name, left in zip(MOVED, (error, rest), strict=True)}


def unit_of(figure: str) -> str:
    """The unit of a figure; none for those that are relative."""
    others = {"core_phase_rms": "rad", "shift_along_beam": "voxels", "shift_across_beam": "voxels"}
    others |= dict.fromkeys(MOVED, "object pixels") | {path + ERROR: unit for path, unit in paths.UNITS.items()}
    return others.get(figure, "")


def _as_one(object: Inexact[np.ndarray, "*many Y X"], sliced: bool) -> Inexact[np.ndarray, "Y X"]:
    """The transmission through all slices, or the strongest of the incoherent states."""
    if object.ndim == 2:
        return object
    return np.prod(object, axis=0) if sliced else _strongest(object)


def compare_parameters(truth: GroundTruth, result: Result) -> dict[str, float]:
    """Root-mean-square error of every other parameter of which the truth tells, in its own unit."""
    places = {path.rpartition(".")[0] or path for path in correcting(result.record).values()}
    of_positions = lambda path: paths.is_of_scan(path) or any(matches(path, place) for place in places)  # noqa: E731
    others = {path: value for path, value in truth.parameters.items() if not of_positions(path)}
    pairs = {path: (value, result.arrays.get(path)) for path, value in others.items()}
    return {
        path + ERROR: float(np.sqrt(np.mean(np.abs(found - value) ** 2)))
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


def _scanned(result: Result, data: Dataset, truth: GroundTruth) -> dict[str, Bool[np.ndarray, "y x"]]:
    """Pixels of the object that were lit, and of the probe that met the unknown object, if the scan is known."""
    image, beam, places = result.roles
    if image is None or beam is None or places is None or truth.probe is None:
        return {}
    if tuple(beam.axes) != tuple(image.axes) or image.illuminated is not None:  # a scan of something else
        return {}
    corners, reach = result.corners, _reach(result)
    support = None if data.support is None else np.pad(data.support, reach)
    illuminated = illuminated_pixels(result.object.shape[-2:], corners, truth.probe, support)
    illuminated = central(illuminated, tuple(n - 2 * reach for n in illuminated.shape))
    return {"object": illuminated[_box(data)], "probe": met_pixels(result.probe.shape[1:], corners, support)}


def _as_modelled(data: Dataset, result: Result) -> Dataset:
    """The data with the model's support, where that lies in another array, as on a finer grid."""
    image, reach = result.roles.image, _reach(result)
    if image is None or image.support is None or data.support is None:
        return data
    whole = np.asarray(image.support)
    support = central(whole, tuple(n - 2 * reach for n in whole.shape))
    return data if support.shape == data.support.shape else replace(data, support=support)


def _reach(result: Result) -> int:
    """Pixels of margin around an object whose positions are refined."""
    places = result.roles.positions
    return 0 if places is None else int(places.margin)


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
