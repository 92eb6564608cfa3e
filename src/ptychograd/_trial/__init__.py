"""Short reconstructions in all orientations of a scan, and which of them the patterns tell to be right."""

from ptychograd._trial.runs import WIDTHS, try_orientations
from ptychograd._trial.verdict import Preference, Trial, preference

__all__ = ["WIDTHS", "Preference", "Trial", "preference", "try_orientations"]
