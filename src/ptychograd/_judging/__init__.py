"""Held-out patterns judge; positions beside the gradient: whether refined ones serve, and what else fits."""

from ptychograd._judging.distortion import PositionsUnbent
from ptychograd._judging.judge import PATHS, Misfits, PositionsJudged, looked_for, misfits, with_rows
from ptychograd._judging.search import PositionsSearched

__all__ = [
    "PATHS",
    "Misfits",
    "PositionsJudged",
    "PositionsSearched",
    "PositionsUnbent",
    "looked_for",
    "misfits",
    "with_rows",
]
