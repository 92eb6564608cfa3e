"""What does not belong together is refused before anything is made of it."""

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.dataset.abstract import AbstractPatterns
from ptychograd.data.dataset.variables import Variables
from ptychograd.data.geometry import Geometry


def check_frames(patterns: np.ndarray | AbstractPatterns) -> None:
    """Refuse what are no patterns."""
    if patterns.ndim != 3 or patterns.size == 0:
        raise InputError(f"The patterns have shape {patterns.shape}; expected (index, y, x), at least one pattern.")
    if patterns.dtype.kind not in "uif":
        raise InputError(f"The patterns are {patterns.dtype}; expected real counts of photons.")


def check_each(count: int, positions: np.ndarray | None, variables: Variables) -> None:
    """Refuse positions and variables of another number than there are patterns."""
    for name, variable in variables.items():
        if len(variable.values) != count:
            raise InputError(
                f'There are {count} patterns but {len(variable.values)} values of "{name}"; expected one for each.'
            )
    if positions is None:
        return
    if positions.ndim != 2 or positions.shape[1] != 2:
        raise InputError(f"The positions have shape {positions.shape}; expected ({count}, 2), each (y, x).")
    if len(positions) != count:
        raise InputError(f"There are {count} patterns but {len(positions)} positions; expected one for each.")
    finite = np.isfinite(positions).all(axis=1)
    if not finite.all():
        first = int(np.argmin(finite))
        raise InputError(
            f"{np.count_nonzero(~finite)} positions are not finite, the first is number {first},"
            f" {positions[first]}; correct them or leave these patterns out."
        )


def check_extras(
    patterns: np.ndarray | AbstractPatterns, mask: np.ndarray, probe: np.ndarray | None, support: np.ndarray | None
) -> None:
    """Refuse what doesn't belong to these patterns."""
    if mask.shape not in (patterns.shape, patterns.shape[1:]):
        raise InputError(f"The mask has shape {mask.shape}; expected {patterns.shape[1:]} or {patterns.shape}.")
    if not mask.any():
        raise InputError(
            "The mask leaves no valid pixel; expected True (or non-zero) where a pixel is good, unless "
            '`data.mask.nonzero=bad` (mask_is="bad") says that it is the other way round.'
        )
    if probe is not None and probe.ndim != 3:
        raise InputError(f"The start probe has shape {probe.shape}; expected modes (modes, y, x).")
    if probe is not None and not np.isfinite(probe).all():
        bad = np.count_nonzero(~np.isfinite(probe))
        raise InputError(f"The start probe holds NaN or infinity in {bad:,} places; mend it, or start without one.")
    if support is not None and not (support.ndim in (2, 3) and support.any()):
        raise InputError(f"The support has shape {support.shape}; expected (Y, X) or (X, Y, Z), and True somewhere.")


def check_support(support: np.ndarray | None, geometry: Geometry | None) -> None:
    """Refuse a support of the wrong dimension."""
    dimensions = 3 if geometry is not None and geometry.rocking_curve else 2
    if support is not None and support.ndim != dimensions:
        raise InputError(
            f"The support has shape {support.shape}; expected {dimensions} axes for this geometry, "
            f"{type(geometry).__name__}."
        )


def check_groups(count: int, positions: np.ndarray | None, group: int) -> None:
    """Refuse rocking curves that aren't whole."""
    if group == 1:
        return
    if count % group:
        raise InputError(
            f"There are {count} patterns and {group} angles, so some rocking curves are not whole; expected "
            "a pattern for every angle at every position, angle by angle."
        )
    if positions is None:
        return
    places = positions.reshape(-1, group, 2)
    moved = np.abs(places - places[:, :1]).max(axis=(1, 2))
    if moved.any():
        first = int(np.argmax(moved > 0))
        raise InputError(
            f"The {group} patterns of rocking curve {first} were taken at positions up to {moved[first]:.3g} m "
            "apart; expected one position, its angles one after another."
        )
