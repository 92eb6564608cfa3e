"""Data made ready: photons out of what a detector writes, pixels where a model expects them, patterns that are used."""

from ptychograd.data.preparation.order import counted, placed, prepare, sound, used_of
from ptychograd.data.preparation.wanted import ChosenFrames, Preparation

__all__ = ["ChosenFrames", "Preparation", "counted", "placed", "prepare", "sound", "used_of"]
