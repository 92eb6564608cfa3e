"""Pictures: what is saved is what is shown, row 0 at the top."""

from matplotlib.figure import Figure

from ptychograd.output.plot.crystal import crystal_summary, figure6
from ptychograd.output.plot.data_page import diagnosis
from ptychograd.output.plot.overview import (
    complex_colour,
    has_vortices,
    require_picture,
    save,
    scanned_area,
    summary,
    without_ramp,
)
from ptychograd.output.plot.paper import figure2, figure3, figure4
from ptychograd.output.plot.residuals import residual_figure
from ptychograd.output.plot.rings import ring_figure
from ptychograd.output.plot.sweep_maps import MOST_AXES, sweep_map

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
