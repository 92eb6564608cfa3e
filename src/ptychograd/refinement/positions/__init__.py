"""Held-out patterns judge; positions beside the gradient: whether refined ones serve, and what else fits."""

from ptychograd.refinement.positions.distortion import DistortionCorrection
from ptychograd.refinement.positions.monitor import HeldOutMonitor
from ptychograd.refinement.positions.placement import HologramMosaic, PositionPlacement, hologram_mosaic
from ptychograd.refinement.positions.search import PositionSearch
from ptychograd.refinement.positions.validation import (
    HeldOutMisfits,
    PositionValidation,
    held_out_misfits,
    own_parameters,
    with_per_pattern,
)

__all__ = [
    "DistortionCorrection",
    "HeldOutMisfits",
    "HeldOutMonitor",
    "HologramMosaic",
    "PositionPlacement",
    "PositionSearch",
    "PositionValidation",
    "held_out_misfits",
    "hologram_mosaic",
    "own_parameters",
    "with_per_pattern",
]
