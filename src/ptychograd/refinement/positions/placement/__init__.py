"""Positions that are far off, found from the holograms of the patterns before the first epoch."""

from ptychograd.refinement.positions.placement.action import PositionPlacement
from ptychograd.refinement.positions.placement.laying import HologramMosaic, hologram_mosaic

__all__ = ["HologramMosaic", "PositionPlacement", "hologram_mosaic"]
