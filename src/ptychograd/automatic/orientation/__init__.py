"""Short reconstructions in all orientations of a scan, and which of them the patterns tell to be right."""

from ptychograd.automatic.orientation.preference import OrientationTrial, Preference, preference
from ptychograd.automatic.orientation.trials import WIDTHS, try_orientations

__all__ = ["WIDTHS", "OrientationTrial", "Preference", "preference", "try_orientations"]
