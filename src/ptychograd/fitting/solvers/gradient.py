"""Solvers that need nothing but the gradient, which reverse-mode AD gives for any model."""

from collections.abc import Mapping
from functools import lru_cache

import equinox as eqx
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PyTree

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import by_name, check_names, map_with_names, named_parameters, nearest
from ptychograd.core.strict import meant, promoted_by_jax
from ptychograd.core.windows import dense
from ptychograd.fitting.objective import Batch, Objective, Value, doubled
from ptychograd.fitting.solvers.base import AbstractSolver
from ptychograd.fitting.solvers.derivatives import AutomaticGradient, batch_sums
from ptychograd.fitting.solvers.values import asks_for_value, value_function


@meant
def _single(steps: Mapping[str, ArrayLike]) -> dict[str, Float[Array, ""]]:
    return {path: jnp.asarray(step, jnp.float32) for path, step in steps.items()}


def value_and_gradient(objective: Objective, variables: PyTree, batch: Batch) -> tuple[Value, PyTree]:
    """What a batch adds up to, as a step of a solver of your own begins with: its value and its gradient.

    Priors have their share in both, and all devices give what they found. The gradient is Wirtinger's ∂g/∂z* for
    complex parameters (Eqs. 11, 12), real and imaginary part as `Planes`, and the plain derivative for real ones.

    Args:
        objective: as `step` is given it.
        variables: the parameters, complex ones as `Planes`.
        batch: the patterns.

    Returns:
        the value, which `step` hands back, and the gradient, in the form of the variables.

    Example:
        >>> import jax
        >>> class Towards(pg.solvers.AbstractSolver):
        ...     def step(self, objective, variables, batch, state):
        ...         value, gradient = pg.solvers.value_and_gradient(objective, variables, batch)
        ...         return jax.tree.map(lambda leaf, slope: leaf - 1e-4 * slope, variables, gradient), state, value
        >>> Towards().description
        'Towards()'
    """
    sums = batch_sums(AutomaticGradient(), objective, variables, batch)
    return sums.value, dense(sums.gradient, variables, sums.windows)


USUAL_BATCH, CRYSTAL_BATCH = 100, 26  # patterns, and positions of a crystal with all their patterns


class Optax(AbstractSolver):
    """Any optax transformation as a solver, on real and imaginary parts of parameters (Algorithm 2 when it is Adam).

    Its gradient comes from reverse-mode AD, so it serves any model. A transformation that asks for `value`, `grad` and
    `value_fn` (`optax.GradientTransformationExtraArgs`), as `optax.lbfgs()` and `optax.polyak_sgd()` do, gets those of
    the batch; a search along a line takes one pass through the batch for each place that it tries. What it finds holds
    for that batch: give it all patterns in one, or large batches.

    Args:
        transformation: the optax transformation, as `optax.sgd(0.01)`. It sees the Wirtinger gradient of complex
            parameters, and the plain one of real ones, summed over the batch. One that asks for the value sees the
            plain derivative along both planes of a complex parameter, twice Wirtinger's, to which the value belongs.
        steps: numbers by which its updates are multiplied, by parameter path, in the unit of the parameter; a path
            stands for everything below it. Empty, the default, means 1 for all. If you give some, give one for every
            parameter that is refined; only for real ones the model may suggest those that you leave out. Leave them
            all out for a transformation that asks for the value, as a step of another size is not the one it tried.
        name: for people and for the result file.

    Example:
        >>> import optax
        >>> pg.Optax(optax.sgd(1.0, momentum=0.9), {"object": 0.01, "probe": 1.0}, name="SGD").description
        'SGD, object 0.01, probe 1'
    """

    transformation: optax.GradientTransformation = eqx.field(static=True)
    steps: dict[str, Float[Array, ""]] = eqx.field(
        default_factory=dict,
        converter=_single,
    )
    name: str = eqx.field(static=True, default="optax")

    @property
    @meant
    def description(self):
        return self.name + "".join(f", {path} {float(step):g}" for path, step in self.steps.items())

    def suited_batch_size(self, data):
        """100, or all if there are fewer; 26 positions of a crystal."""
        return data.group * min(CRYSTAL_BATCH if data.group > 1 else USUAL_BATCH, data.count // data.group)

    def variables(self, parameters):
        return AutomaticGradient().variables(parameters)

    def init(self, objective, variables):
        check_names(self.steps, objective.names)
        if self.steps:
            self._steps(objective, variables)
        with promoted_by_jax():
            state = self.transformation.init(variables)
        if asks_for_value(self.transformation, variables, state) and self.steps:
            raise InputError(
                "This optax transformation asks for the value of the objective, and steps of another size than it has "
                "found would lead elsewhere; leave `steps` out."
            )
        return state

    def step(self, objective, variables, batch, state):
        value, gradient = value_and_gradient(objective, variables, batch)
        extra = {}
        if asks_for_value(self.transformation, variables, state):
            gradient = doubled(gradient)
            extra = {"value": value.loss, "grad": gradient, "value_fn": value_function(objective, batch)}
        with promoted_by_jax():
            updates, state = self.transformation.update(gradient, state, variables, **extra)
        steps = self._steps(objective, variables) if self.steps else {}

        def move(name, leaf, update):
            return leaf + (update * steps[name].astype(leaf.dtype) if steps else update)

        return map_with_names(move, variables, updates), state, value

    def _steps(self, objective: Objective, variables: PyTree) -> dict[str, Float[Array, ""]]:
        """Those given, or else suggested by the model, by the names of all variables."""
        named, suggested = named_parameters(variables), objective.model(variables).steps
        others = {name: nearest(name, suggested) for name in named if nearest(name, self.steps) is None}
        asked = {name: jnp.asarray(step, jnp.float32) for name, step in others.items() if step is not None}
        return by_name(named, {**self.steps, **asked}, "step size")


def adam(steps: Mapping[str, float] | float) -> Optax:
    """The solver Adam (Kingma & Ba 2014; Algorithm 2 with the standard bias correction), with one step size a path.

    It serves any model, but you have to find the step sizes; `Nesterov` takes them from the model.

    Args:
        steps: step sizes by parameter path, in the parameters' own units, or one number for all. A path stands for
            everything below it, as "object" for "object.transmission".

    Returns:
        the solver.

    Example:
        >>> pg.adam({"object": 0.01, "probe": 1.0}).description
        'Adam, object 0.01, probe 1'
    """
    if not isinstance(steps, Mapping):
        return Optax(_adam(float(steps)), name=f"Adam, {steps:g}")
    return Optax(_adam(1.0), dict(steps), name="Adam")


@lru_cache
def _adam(step: float) -> optax.GradientTransformation:
    """One object for each step size, so that equal solvers share their compiled programs."""
    return optax.adam(step, b1=0.9, b2=0.999, eps=1e-8)
