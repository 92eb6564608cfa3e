"""Solvers: how parameters move from one batch to the next."""

from ptychograd.fitting.solvers.base import AbstractSolver
from ptychograd.fitting.solvers.gradient import Optax, adam, value_and_gradient
from ptychograd.fitting.solvers.lbfgs import LBFGS
from ptychograd.fitting.solvers.nesterov import Nesterov
from ptychograd.fitting.solvers.pie import PIE, ADePIE
from ptychograd.fitting.solvers.still import EvaluateOnly

__all__ = [
    "LBFGS",
    "PIE",
    "ADePIE",
    "AbstractSolver",
    "EvaluateOnly",
    "Nesterov",
    "Optax",
    "adam",
    "value_and_gradient",
]
