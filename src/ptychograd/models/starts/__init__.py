"""Where a reconstruction starts: first guesses of probe and object, one file a family."""

from ptychograd.models.starts.electrons import electron_probe
from ptychograd.models.starts.free_space import defocused, propagated
from ptychograd.models.starts.given import resampled
from ptychograd.models.starts.objects import ObjectStart, flat_object, random_object
from ptychograd.models.starts.openings import (
    aperture,
    focal_spot,
    gaussian_wave,
    pinhole,
    round_wave,
    square_wave,
)
from ptychograd.models.starts.patterns import back_propagated, mean_pattern, pupil_probe
from ptychograd.models.starts.windows import ProbeStart, Sampling, known_lengths, pair
from ptychograd.models.starts.zone_plates import zone_plate

__all__ = [
    "ObjectStart",
    "ProbeStart",
    "Sampling",
    "aperture",
    "back_propagated",
    "defocused",
    "electron_probe",
    "flat_object",
    "focal_spot",
    "gaussian_wave",
    "known_lengths",
    "mean_pattern",
    "pair",
    "pinhole",
    "propagated",
    "pupil_probe",
    "random_object",
    "resampled",
    "round_wave",
    "square_wave",
    "zone_plate",
]
