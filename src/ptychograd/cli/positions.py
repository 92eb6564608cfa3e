"""What a person is told of positions, of the flat field, and of other parameters that were refined."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from ptychograd.fitting.result import Result

UNITS = {
    "detector.background": "photons a pixel",
    "detector.point_spread.width": "pixels",
    "object.distance": "m",
    "probe.aberrations": "rad",
    "probe.defocus": "m",
    "probe.modes": "√photons",
    "propagator.distance": "m",
    "scan.position": "object pixels",
    "scan.position (affine removed)": "object pixels",
}
FLAT_FIELD = "detector.flat_field"
ERROR = " error"  # how the names of errors of parameters end
SHORT = 8  # numbers that are told one by one
LAST = 3  # changes that are told: a search, the distortion taken out after it, and the judgement, if any


def unit_of(figure: str) -> str:
    """The unit of a figure that `compare` tells; none for those that are relative."""
    crystal = {"core_phase_rms": "rad", "shift_along_beam": "voxels", "shift_across_beam": "voxels"}
    return crystal.get(figure) or (UNITS.get(figure.removesuffix(ERROR), "") if figure.endswith(ERROR) else "")


def summary_of_positions(result: "Result") -> Iterator[str]:
    """How far they were corrected, what a stage with that scale, shear and rotation would explain, and who judged."""
    import numpy as np

    from ptychograd.physics.scan import affine_fit, affine_parts, recorded_scan

    scan, corrections = recorded_scan(result.arrays), result.corrections
    if scan is None or corrections is None:
        return
    changes = [change for change in result.settings.get("changes", ()) if not _is_about_flat_field(change)]
    yield from map(_summary_of_change, changes[-LAST:])
    rms = float(np.sqrt(np.mean((corrections - corrections.mean(axis=0)) ** 2)))
    length = f" ({rms * float(np.mean(result.sampling[-2:])):.3g} m)" if result.sampling else ""
    parts = affine_parts(affine_fit(scan, corrections)[0])
    shear, rotation = np.degrees([parts.shear, parts.rotation])
    reach = int(scan.reach)
    bound = int(np.count_nonzero(np.abs(corrections).max(axis=1) >= 0.999 * reach))
    yield (
        f"positions corrected by {rms:.3g} pixels{length} rms; on the whole scale {parts.scale_y:.4f} (y) and "
        f"{parts.scale_x:.4f} (x), shear {shear:.2f}°, rotation {rotation:.2f}°; {bound} of {len(corrections)} at the "
        f"bound of {reach} pixels"
    )


def summary_of_flat_field(result: "Result") -> Iterator[str]:
    """What the last of its calibrations found, if there was one."""
    found = [change for change in result.settings.get("changes", ()) if _is_about_flat_field(change)]
    yield from map(_summary_of_change, found[-1:])


def _is_about_flat_field(change: dict) -> bool:
    return change.get("about") == FLAT_FIELD


def _summary_of_change(change: dict) -> str:
    return f"after epoch {change['after_epoch']}: {change['change']}"


def summary_of_parameters(result: "Result") -> Iterator[str]:
    """What came out for parameters that are numbers, with their units: each of a few, else mean and rms deviation."""
    from ptychograd.core.parameters import matches

    refined = result.settings.get("trainable", ())
    for name, found in result.arrays.items():
        is_number = found.dtype.kind == "f" and not name.startswith("scan.")
        if is_number and found.size and any(matches(name, path) for path in refined):
            yield f"{name}: {_as_text(found)} {UNITS.get(name, '')}".rstrip()


def _as_text(found: "np.ndarray") -> str:
    if found.size <= SHORT:
        return ", ".join(f"{number:.4g}" for number in found.ravel())
    return f"{found.mean():.4g} on average, {found.std():.2g} rms about it"
