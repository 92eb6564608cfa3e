"""From the exit wave behind the object to the wave at the detector."""

from ptychograd.physics.propagators.base import AbstractPropagator
from ptychograd.physics.propagators.far_field import FarField, ScaledFarField
from ptychograd.physics.propagators.kernels import (
    angular_spectrum_limits,
    angular_spectrum_rate,
    check_angular_spectrum,
    check_fresnel,
    fresnel_kernel,
    fresnel_limits,
    fresnel_rates,
)
from ptychograd.physics.propagators.near_field import AbstractNearField, AngularSpectrum, Fresnel
from ptychograd.physics.propagators.spectrum import Polychromatic

__all__ = [
    "AbstractNearField",
    "AbstractPropagator",
    "AngularSpectrum",
    "FarField",
    "Fresnel",
    "Polychromatic",
    "ScaledFarField",
    "angular_spectrum_limits",
    "angular_spectrum_rate",
    "check_angular_spectrum",
    "check_fresnel",
    "fresnel_kernel",
    "fresnel_limits",
    "fresnel_rates",
]
