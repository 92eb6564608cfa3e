"""Held-out patterns judge; positions beside the gradient: whether refined ones serve, and what else fits."""

from ptychograd._judging.distortion import PositionsUnbent
from ptychograd._judging.judge import PATHS, Misfits, PositionsJudged, looked_for, misfits, with_rows
from ptychograd._judging.search import PositionsSearched
from ptychograd._judging.watch import Watch

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
