"""Positions beside the gradient: whether refined ones serve, and where else a pattern may lie."""

from ptychograd._judging.distortion import PositionsUnbent
from ptychograd._judging.judge import PATHS, Misfits, PositionsJudged, misfits
from ptychograd._judging.search import PositionsSearched

__all__ = ["PATHS", "Misfits", "PositionsJudged", "PositionsSearched", "PositionsUnbent", "misfits"]
