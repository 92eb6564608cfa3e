"""Noise models: how measured photons scatter about the expected ones.

Each is one class with the misfit that a reconstruction minimises, the information a pixel carries
(the weight of Gauss and Newton) and the samples that a simulation draws, so that these cannot disagree.
"""

from ptychograd.physics.noise.base import AbstractCensorable, AbstractNoise
from ptychograd.physics.noise.censored import Censored
from ptychograd.physics.noise.counting import Amplitude, Poisson
from ptychograd.physics.noise.readout import Gaussian, PoissonGaussian

__all__ = [
    "AbstractCensorable",
    "AbstractNoise",
    "Amplitude",
    "Censored",
    "Gaussian",
    "Poisson",
    "PoissonGaussian",
]
