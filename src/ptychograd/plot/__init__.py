"""Pictures: what is saved is what is shown, row 0 at the top."""

from matplotlib.figure import Figure

from ptychograd.plot._crystal import crystal_summary, figure6
from ptychograd.plot._diagnosis import diagnosis
from ptychograd.plot._paper import figure2, figure3, figure4
from ptychograd.plot._residuals import residual_figure
from ptychograd.plot._rings import ring_figure
from ptychograd.plot._summary import (
    complex_colour,
    has_vortices,
    require_picture,
    save,
    scanned_area,
    summary,
    without_ramp,
)
from ptychograd.plot._sweep import MOST_AXES, sweep_map

__all__ = [
    "MOST_AXES",
    "Figure",
    "complex_colour",
    "crystal_summary",
    "diagnosis",
    "figure2",
    "figure3",
    "figure4",
    "figure6",
    "has_vortices",
    "require_picture",
    "residual_figure",
    "ring_figure",
    "save",
    "scanned_area",
    "summary",
    "sweep_map",
    "without_ramp",
]
