"""What every solver is: a start and a step, with all of its state in the open."""

import abc
from collections.abc import Callable, Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from ptychograd.core.compilable import compilable
from ptychograd.core.errors import InputError
from ptychograd.core.parameters import matches, named_leaves, named_parameters, split
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.batch_size import USUAL, batch_of
from ptychograd.fitting.objective import Batch, Objective, Value
from ptychograd.fitting.projections import Projection, projected
from ptychograd.physics.model import Group

WORTH = 2.0  # times as many pixels in an array as in a batch's windows, from which on windows are cheaper


class StableUpTo(NamedTuple):
    """Where a solver converges whose steps are divided by W = (1 - `floor`) w + `floor` max w, with w = J^H J 1.

    `eigenvalue` is the largest one of W⁻¹ J^H J up to which it does so on a quadratic.
    """

    floor: float
    eigenvalue: float


class EpochSteps(NamedTuple):
    """A way through an epoch: what is `carried` from step to step, the step, and how variables and state come out.

    `carried` may be in another form than variables and state are, and hold scratch that nobody keeps.
    """

    carried: PyTree
    step: Callable[[PyTree, Batch], tuple[PyTree, Value]]
    end: Callable[[PyTree], tuple[PyTree, PyTree]]


class AbstractSolver(eqx.Module):
    """Base class of solvers: a rule that moves parameters, one batch at a time.

    State goes in and comes out: nothing is hidden. Ready-made ones are `Nesterov`, `PIE`, `ADePIE`, `Optax` and `adam`.
    For one of your own give `step`, with numbers to be set as fields, and `init` where it remembers something.
    `pg.solvers.value_and_gradient` is what most steps begin with. `epoch_steps` is for those that do an epoch as a
    whole cheaper than step by step.

    Example:
        >>> import jax
        >>> class GradientDescent(pg.solvers.AbstractSolver):
        ...     step_size: float
        ...     def step(self, objective, variables, batch, state):
        ...         value, gradient = pg.solvers.value_and_gradient(objective, variables, batch)
        ...         moved = jax.tree.map(lambda leaf, slope: leaf - self.step_size * slope, variables, gradient)
        ...         return moved, state, value
        >>> pg.reconstruct(model, data, GradientDescent(1e-4), epochs=1, batch_size=14).settings["solver"]
        'GradientDescent(step_size=0.0001)'
    """

    @property
    def description(self) -> str:
        """One line for a person and the result file: what it is and with which settings, by default its fields."""
        return repr(self)

    def variables(self, parameters: PyTree) -> PyTree:
        """The parameters in the form in which this solver moves them: complex ones as `Planes`, by default."""
        return split(parameters)

    @property
    def state_depends_on(self) -> tuple[str, ...]:
        """Settings of a result that have to be as before for the state in it to go on; otherwise it starts afresh."""
        return ("solver", "trainable", "priors", "constraints")

    @property
    def stable_up_to(self) -> StableUpTo | None:
        """How far the sums J^H J 1 may be below J^H J; None for a solver that does not rest on them, as by default."""
        return None

    def suited_batch_size(self, data: Dataset) -> int:
        """Patterns of a minibatch where nobody says how many: 16, at most a fifth of all; 16 positions of a crystal."""
        return batch_of(data, USUAL)

    def doubts_batch(self, size: int, data: Dataset) -> str:
        """Why batches of that size may end badly with these data, in a sentence; nothing where they may well do."""
        return ""

    def check_batch(self, size: int, count: int, grows: bool) -> None:
        """Raise `InputError` for batches of `size` patterns out of `count`, if it can't work with them; any will do.

        Patterns that belong together (`AbstractModel.group`) count as one; where it `grows` more are still to come.
        """

    def check_constraints(self, projections: Sequence[Projection], variables: PyTree) -> None:
        """Raise `InputError` for constraints, by name of the parameter, with which it can't work; any will do."""

    def init(self, objective: Objective, variables: PyTree) -> PyTree:
        """State before the first step, none by default; `InputError` where the solver can't work on this model."""
        return ()

    @abc.abstractmethod
    def step(
        self, objective: Objective, variables: PyTree, batch: Batch, state: PyTree
    ) -> tuple[PyTree, PyTree, Value]:
        """Variables and state after one batch, in the shapes they had, and the value of the objective before it.

        A solver that knows the value after it may give that one.
        """

    def epoch_steps(self, objective: Objective, variables: PyTree, state: PyTree, batch_size: int) -> EpochSteps:
        """How this solver goes through an epoch: step by step, unless it knows a cheaper way to the same end.

        Each step ends where `objective.projections`, the constraints, have the variables; one's own way has to see to
        that itself (`projected`).
        """

        def step(carried, batch):
            variables, state = carried
            found = compilable(self.step)(objective, variables, batch, state)
            if not isinstance(found, tuple) or len(found) != 3:
                raise InputError(
                    f"A step of {type(self).__name__} gives {type(found).__name__}; expected three things: variables, "
                    "state, and the value of the objective."
                )
            variables, state, value = found
            return (projected(objective.projections, variables), state), value

        return EpochSteps((variables, state), step, lambda carried: carried)


def check_step(solver: AbstractSolver, before: PyTree, after: PyTree, value: object) -> None:
    """Raise `InputError` for a step that leaves parameters or state in another form, or gives another value."""
    name = f"A step of {type(solver).__name__}"
    if not isinstance(value, Value):
        raise InputError(
            f"{name} gives a {type(value).__name__} as the value of the objective; expected the one that "
            "`pg.solvers.value_and_gradient` gives."
        )
    leaves, others = named_leaves(before), named_leaves(after)
    if leaves.keys() != others.keys():
        different = sorted(leaves.keys() ^ others.keys())
        raise InputError(f"{name} adds or loses {', '.join(different)}; expected parameters and state as they were.")
    for path, leaf in leaves.items():
        one, other = (f"{jnp.result_type(array)}{list(jnp.shape(array))}" for array in (leaf, others[path]))
        if one != other and not leaf.weak_type:
            raise InputError(f"{name} makes {other} of {one} in {path}; expected shapes and types as they were.")


def worth_windows(objective: Objective, variables: PyTree, batch_size: int) -> bool:
    """Whether there are windows, and every array that has some holds `WORTH` times as many pixels as those of a batch.

    Priors and constraints look at whole arrays, and work that patterns share goes back through whole ones.
    """
    if objective.penalties or objective.projections or objective.shares:
        return False
    index = jax.ShapeDtypeStruct((batch_size,), jnp.int32)
    windows = jax.eval_shape(lambda index: objective.windows(variables, Group(index)), index)
    shares = [
        jax.tree.leaves(leaf)[0].shape[-2:] + window.shape
        for name, leaf in named_parameters(variables).items()
        for path, window in windows.items()
        if matches(name, path)
    ]
    return bool(shares) and all(
        height * width >= WORTH * batch_size * rows * columns for height, width, rows, columns in shares
    )
