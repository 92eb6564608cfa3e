"""Held-out patterns judge; positions beside the gradient: whether refined ones serve, and what else fits."""

from ptychograd.refinement.positions.distortion import PositionsUnbent
from ptychograd.refinement.positions.monitor import Watch
from ptychograd.refinement.positions.search import PositionsSearched
from ptychograd.refinement.positions.validation import PATHS, Misfits, PositionsJudged, looked_for, misfits, with_rows

__all__ = [
    "PATHS",
    "Misfits",
    "PositionsJudged",
    "PositionsSearched",
    "PositionsUnbent",
    "Watch",
    "looked_for",
    "misfits",
    "with_rows",
]
