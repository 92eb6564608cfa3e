"""What every solver is: a start and a step, with all of its state in the open."""

import abc
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from ptychograd.core.parameters import matches, named_parameters
from ptychograd.fitting.objective import Batch, Objective, Value
from ptychograd.fitting.projections import projected

WORTH = 2.0  # times as many pixels in an array as in a batch's windows, from which on windows are cheaper


class EpochSteps(NamedTuple):
    """A way through an epoch: what is `carried` from step to step, the step, and how variables and state come out.

    `carried` may be in another form than variables and state are, and hold scratch that nobody keeps.
    """

    carried: PyTree
    step: Callable[[PyTree, Batch], tuple[PyTree, Value]]
    end: Callable[[PyTree], tuple[PyTree, PyTree]]


class AbstractSolver(eqx.Module):
    """What every solver is: a rule that moves parameters, one batch at a time.

    State goes in and comes out: nothing is hidden. Ready-made ones are `Nesterov`, `PIE`, `ADePIE`, `Optax` and `adam`.
    For one of your own define `description`, `variables`, `init` and `step`; `epoch_steps` only where an epoch as a
    whole can be done cheaper than step by step.

    Example:
        >>> isinstance(pg.Nesterov(), pg.solvers.AbstractSolver)
        True
    """

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

    def epoch_steps(self, objective: Objective, variables: PyTree, state: PyTree, batch_size: int) -> EpochSteps:
        """How this solver goes through an epoch: step by step, unless it knows a cheaper way to the same end.

        Each step ends where `objective.projections`, the constraints, have the variables; one's own way has to see to
        that itself (`projected`).
        """

        def step(carried, batch):
            variables, state = carried
            variables, state, value = self.step(objective, variables, batch, state)
            return (projected(objective.projections, variables), state), value

        return EpochSteps((variables, state), step, lambda carried: carried)


def worth_windows(objective: Objective, variables: PyTree, batch_size: int) -> bool:
    """Whether there are windows, and every array that has some holds `WORTH` times as many pixels as those of a batch.

    Priors and constraints look at whole arrays, and work that patterns share goes back through whole ones.
    """
    if objective.penalties or objective.projections or objective.shares:
        return False
    index = jax.ShapeDtypeStruct((batch_size,), jnp.int32)
    windows = jax.eval_shape(lambda index: objective.windows(variables, index), index)
    shares = [
        jax.tree.leaves(leaf)[0].shape[-2:] + window.shape
        for name, leaf in named_parameters(variables).items()
        for path, window in windows.items()
        if matches(name, path)
    ]
    return bool(shares) and all(
        height * width >= WORTH * batch_size * rows * columns for height, width, rows, columns in shares
    )
