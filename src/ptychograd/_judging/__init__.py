"""Positions and gains beside the gradient: whether refined positions serve, and where else a pattern may lie."""

from ptychograd._judging.distortion import PositionsUnbent
from ptychograd._judging.gains import CALIBRATED, FLAT_FIELD, FLOOR, FlatFieldCalibrated
from ptychograd._judging.judge import PATHS, Misfits, PositionsJudged, misfits
from ptychograd._judging.search import PositionsSearched

__all__ = [
    "CALIBRATED",
    "FLAT_FIELD",
    "FLOOR",
    "PATHS",
    "FlatFieldCalibrated",
    "Misfits",
    "PositionsJudged",
    "PositionsSearched",
    "PositionsUnbent",
    "misfits",
]
