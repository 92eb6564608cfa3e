"""What a person, or a program, is told of patterns and detector pixels that a result does not explain."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ptychograd.quality.residual_maps import Residuals


def residual_lines(left: "Residuals") -> Iterator[str]:
    """R of all patterns, the worst of them, and the worst pixel of the detector."""
    yield f"R of all patterns {left.r_factor:.4f}, median {np.nanmedian(left.r_of_pattern):.4f}"
    listed = ", ".join(f"{number} ({left.r_of_pattern[number]:.4f})" for number in left.worst(5))
    yield f"worst patterns by R: {listed}"
    out = left.outstanding
    if len(out):
        some = ", ".join(map(str, out[:12])) + (" ..." if len(out) > 12 else "")
        yield f"far above the others: {len(out)} of {len(left.r_of_pattern)}, number {some}"
    high = left.chi_squared_of_pixel
    if np.isfinite(left.r_of_pixel).any():
        y, x = np.unravel_index(int(np.nanargmax(high)), high.shape)
        yield (
            f"worst detector pixel by χ²: (y, x) = ({y}, {x}), χ² {high[y, x]:.3g}; "
            f"median over the pixels {np.nanmedian(high):.3g}"
        )


def residual_figures(left: "Residuals") -> dict:
    """The same as numbers; NaN, of patterns without a photon, is null in JSON."""
    return {
        "r_factor": left.r_factor,
        "r_of_pattern": left.r_of_pattern.tolist(),
        "worst": left.worst(8).tolist(),
        "outstanding": left.outstanding.tolist(),
    }
