"""Solvers: how parameters move from one batch to the next."""

from ptychograd._solvers.base import AbstractSolver
from ptychograd._solvers.gradient import Optax, adam
from ptychograd._solvers.nesterov import Nesterov
from ptychograd._solvers.pie import PIE, ADePIE
from ptychograd._solvers.still import Still

__all__ = ["PIE", "ADePIE", "AbstractSolver", "Nesterov", "Optax", "Still", "adam"]
