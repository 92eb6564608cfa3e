"""What every solver is: a start and a step, with all of its state in the open."""

import abc

import equinox as eqx
from jaxtyping import PyTree

from ptychograd._objective import Batch, Objective, Value


class AbstractSolver(eqx.Module):
    """A rule that moves parameters, one batch at a time. State goes in and comes out: nothing is hidden."""

    @property
    @abc.abstractmethod
    def description(self) -> str:
        """One line for a person and the result file: what it is and with which settings."""

    @abc.abstractmethod
    def variables(self, parameters: PyTree) -> PyTree:
        """The parameters in the form in which this solver moves them (complex, or `Planes`)."""

    @abc.abstractmethod
    def init(self, objective: Objective, variables: PyTree) -> PyTree:
        """State before the first step. Raises `InputError` where the solver can't work on this model."""

    @abc.abstractmethod
    def step(
        self, objective: Objective, variables: PyTree, batch: Batch, state: PyTree
    ) -> tuple[PyTree, PyTree, Value]:
        """Variables and state after one batch, and the value of the objective before it."""
