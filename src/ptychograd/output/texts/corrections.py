"""What a person is told of positions, of the flat field, and of other parameters that were refined."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ptychograd.physics.paths import FLAT_FIELD, UNITS, is_of_scan

if TYPE_CHECKING:
    import numpy as np

    from ptychograd.fitting.result import Result

SHORT = 8  # numbers that are told one by one
LAST = 3  # changes that are told: a search, the distortion taken out after it, and the judgement, if any


def summary_of_positions(result: "Result") -> Iterator[str]:
    """How far they were corrected, what a stage with that scale, shear and rotation would explain, and who judged."""
    import numpy as np

    from ptychograd.physics.roles import nominal_of
    from ptychograd.physics.scan import affine_fit, affine_parts

    places, corrections = result.roles.positions, result.corrections
    if places is None or corrections is None:
        return
    changes = [change for change in result.settings.get("changes", ()) if not _is_about_flat_field(change)]
    yield from map(_summary_of_change, changes[-LAST:])
    rms = float(np.sqrt(np.mean((corrections - corrections.mean(axis=0)) ** 2)))
    length = f" ({rms * float(np.mean(result.sampling[-2:])):.3g} m)" if result.sampling else ""
    parts = affine_parts(affine_fit(nominal_of(places), corrections)[0])
    shear, rotation = np.degrees([parts.shear, parts.rotation])
    reach = int(places.margin)
    bound = int(np.count_nonzero(np.abs(corrections).max(axis=1) >= 0.999 * reach))
    bounded = f"; {bound} of {len(corrections)} at the bound of {reach} pixels" if reach else ""
    yield (
        f"positions corrected by {rms:.3g} pixels{length} rms; on the whole scale {parts.scale_y:.4f} (y) and "
        f"{parts.scale_x:.4f} (x), shear {shear:.2f}°, rotation {rotation:.2f}°{bounded}"
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
    from ptychograd.physics.roles import correcting

    refined, moving = result.settings.get("trainable", ()), correcting(result.record).values()
    for name, found in result.arrays.items():
        is_number = found.dtype.kind == "f" and not (is_of_scan(name) or name in moving)
        if is_number and found.size and any(matches(name, path) for path in refined):
            yield f"{name}: {_as_text(found)} {UNITS.get(name, '')}".rstrip()


def _as_text(found: "np.ndarray") -> str:
    if found.size <= SHORT:
        return ", ".join(f"{number:.4g}" for number in found.ravel())
    return f"{found.mean():.4g} on average, {found.std():.2g} rms about it"
