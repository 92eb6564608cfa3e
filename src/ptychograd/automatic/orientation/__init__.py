"""Short reconstructions in all orientations of a scan, and which of them the patterns tell to be right."""

from ptychograd.automatic.orientation.preference import Preference, Trial, preference
from ptychograd.automatic.orientation.trials import WIDTHS, try_orientations

__all__ = ["WIDTHS", "Preference", "Trial", "preference", "try_orientations"]
