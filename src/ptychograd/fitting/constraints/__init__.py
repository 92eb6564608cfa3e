"""Constraints: what must hold of a parameter, as a projection that follows every step."""

from ptychograd.fitting.constraints.base import AbstractConstraint
from ptychograd.fitting.constraints.pixelwise import MagnitudeAtMostOne, PhaseOnly, Positive, Real
from ptychograd.fitting.constraints.support import Support

__all__ = ["AbstractConstraint", "MagnitudeAtMostOne", "PhaseOnly", "Positive", "Real", "Support"]


def __dir__() -> list[str]:
    return __all__
