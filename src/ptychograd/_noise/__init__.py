"""Noise models: how measured photons scatter about the expected ones.

Each is one class with the misfit that a reconstruction minimises, the information a pixel carries
(the weight of Gauss and Newton) and the samples that a simulation draws, so that these cannot disagree.
"""

from ptychograd._noise.base import (
    BRIGHT,
    AbstractCensorable,
    AbstractNoise,
    amplitude,
    counted_residual,
    residual_at_root,
)
from ptychograd._noise.censored import Censored
from ptychograd._noise.counting import Amplitude, Poisson
from ptychograd._noise.readout import Gaussian, PoissonGaussian

__all__ = [
    "BRIGHT",
    "AbstractCensorable",
    "AbstractNoise",
    "Amplitude",
    "Censored",
    "Gaussian",
    "Poisson",
    "PoissonGaussian",
    "amplitude",
    "counted_residual",
    "residual_at_root",
]
