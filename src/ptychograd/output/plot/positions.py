"""Where the scan was, and where it was thought to be."""

import numpy as np

from ptychograd.data.geometry import UNITS, format_length
from ptychograd.fitting.result import Result
from ptychograd.output.plot.units import suited

LENGTH = 0.6  # of the distance from a position to the next, for an arrow of the rms correction


def draw_corrections(axis, result: Result) -> None:
    """Nominal positions, and an arrow from each along its correction, without the mean of all."""
    corrections, places = result.corrections, result.roles.positions
    if corrections is None or places is None:
        return
    nominal = np.asarray(places.corner) - corrections - int(places.margin)
    sides, unit = suited(result, float(np.ptp(nominal, axis=0).max()))
    pixel = np.array(sides[-2:])
    places = nominal * pixel
    arrows = (corrections - corrections.mean(axis=0)) * pixel
    rms = float(np.sqrt(np.mean(arrows**2)))
    spacing = float(np.sqrt(np.prod(np.ptp(places, axis=0) + pixel) / len(places)))
    factor = LENGTH * spacing / rms if rms > 0 else 1.0
    axis.quiver(
        *(places.T[::-1]),
        *(factor * arrows.T[::-1]),
        **{"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.004, "color": "tab:red"},
    )
    axis.plot(*places.T[::-1], ".", markersize=1.5, color="0.4")
    axis.set(xlabel=f"x ({unit})", ylabel=f"y ({unit})", aspect="equal")
    axis.invert_yaxis()
    size = format_length(float(f"{rms * UNITS[unit]:.3g}")) if result.sampling else f"{rms:.3g} pixels"
    axis.set_title(f"corrections of positions\n{size} rms, drawn {factor:.2g} x", fontsize=9)
