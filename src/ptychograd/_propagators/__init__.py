"""From the exit wave behind the object to the wave at the detector."""

from ptychograd._propagators.base import AbstractPropagator
from ptychograd._propagators.far_field import FarField, ScaledFarField
from ptychograd._propagators.kernels import (
    angular_spectrum_limits,
    angular_spectrum_rate,
    check_angular_spectrum,
    check_fresnel,
    fresnel_kernel,
    fresnel_limits,
    fresnel_rates,
)
from ptychograd._propagators.near_field import AbstractNearField, AngularSpectrum, Fresnel
from ptychograd._propagators.spectrum import Polychromatic

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
