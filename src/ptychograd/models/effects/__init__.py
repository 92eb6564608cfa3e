"""What experiments do beside the ideal: functions from a model to a model with one part more."""

from ptychograd.models.effects.detectors import (
    estimate_background,
    with_background,
    with_background_image,
    with_flat_field,
    with_oversampling,
    with_point_spread,
)
from ptychograd.models.effects.noises import gaussian_noise
from ptychograd.models.effects.objects import with_magnitude, with_object_modes, with_slices, with_support
from ptychograd.models.effects.positions import with_jitter, with_refinable_positions
from ptychograd.models.effects.probes import with_aberrations, with_modes, with_varying_intensity, with_varying_probe
from ptychograd.models.effects.waves import gaussian_lines, with_bandwidth, with_spectrum

__all__ = [
    "estimate_background",
    "gaussian_lines",
    "gaussian_noise",
    "with_aberrations",
    "with_background",
    "with_background_image",
    "with_bandwidth",
    "with_flat_field",
    "with_jitter",
    "with_magnitude",
    "with_modes",
    "with_object_modes",
    "with_oversampling",
    "with_point_spread",
    "with_refinable_positions",
    "with_slices",
    "with_spectrum",
    "with_support",
    "with_varying_intensity",
    "with_varying_probe",
]
