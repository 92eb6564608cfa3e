"""Solvers: how parameters move from one batch to the next."""

from ptychograd._solvers.base import AbstractSolver
from ptychograd._solvers.gradient import ADePIE, Optax, adam
from ptychograd._solvers.pie import PIE

__all__ = ["PIE", "ADePIE", "AbstractSolver", "Optax", "adam"]
