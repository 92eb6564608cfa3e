"""Data made ready: photons out of what a detector writes, pixels where a model expects them, patterns that are used."""

from ptychograd.data.preparation.guesses import (
    Guess,
    guess_centre,
    guess_corner,
    guess_counts,
    guess_frames,
    guess_pixels,
    guess_preparation,
    wanted_by,
)
from ptychograd.data.preparation.order import counted, placed, prepare, sound, used_of
from ptychograd.data.preparation.wanted import ChosenFrames, Preparation

__all__ = [
    "ChosenFrames",
    "Guess",
    "Preparation",
    "counted",
    "guess_centre",
    "guess_corner",
    "guess_counts",
    "guess_frames",
    "guess_pixels",
    "guess_preparation",
    "placed",
    "prepare",
    "sound",
    "used_of",
    "wanted_by",
]
