"""Held-out patterns judge; positions beside the gradient: whether refined ones serve, and what else fits."""

from ptychograd.refinement.positions.distortion import DistortionCorrection
from ptychograd.refinement.positions.monitor import HeldOutMonitor
from ptychograd.refinement.positions.placement import PositionPlacement
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
    "PositionPlacement",
    "PositionSearch",
    "PositionValidation",
    "held_out_misfits",
    "own_parameters",
    "with_per_pattern",
]
