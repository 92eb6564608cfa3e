"""Positions that are far off, found from the holograms of the patterns before the first epoch."""

from ptychograd.refinement.positions.placement.action import PositionPlacement

__all__ = ["PositionPlacement"]
