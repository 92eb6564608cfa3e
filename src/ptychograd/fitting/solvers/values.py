"""The objective of a batch as a function, for update rules of others that ask for its values."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import named_parameters
from ptychograd.core.strict import promoted_by_jax
from ptychograd.core.windows import dense
from ptychograd.fitting.objective import Batch, Objective, Value, doubled
from ptychograd.fitting.shared import in_place
from ptychograd.fitting.solvers.derivatives import AutomaticGradient, batch_sums

Scalar = Float[Array, ""]


def asks_for_value(transformation: optax.GradientTransformation, variables: PyTree, state: PyTree) -> bool:
    """Whether an update takes the value of the objective beside the gradient; `InputError` for one that takes more."""
    value = jnp.zeros((), jax.tree.leaves(variables)[0].dtype)
    extra = {"value": value, "grad": variables, "value_fn": lambda variables: _first(variables)}
    try:
        _traced(transformation, variables, state, {})
    except TypeError:
        try:
            _traced(transformation, variables, state, extra)
        except TypeError as problem:
            raise InputError(
                f"This optax transformation needs more than value and gradient of a batch ({problem}); take one that "
                "needs the gradient alone, as adam, or `value`, `grad` and `value_fn` beside it, as optax.lbfgs()."
            ) from None
        return True
    return False


def value_function(objective: Objective, batch: Batch) -> Callable[[PyTree], Scalar]:
    """The loss of a batch by parameters, with the derivative that `batch_sums` finds: of all devices, part by part."""

    @jax.custom_jvp
    def loss(variables: PyTree) -> Scalar:
        return _value(objective, variables, batch)

    @loss.defjvp
    def _(primals, tangents):
        sums = batch_sums(AutomaticGradient(), objective, primals[0], batch)
        slope = doubled(dense(sums.gradient, primals[0], sums.windows))
        along = jax.tree.map(jnp.vdot, slope, tangents[0])
        return sums.value.loss, jnp.asarray(sum(jax.tree.leaves(along)))

    return loss


def _value(objective: Objective, variables: PyTree, batch: Batch) -> Scalar:
    """The loss alone, without a derivative."""
    place = in_place(objective, variables)

    def add_part(total, part):
        local_view = place.objective.local_view(place.variables, part.group)
        found = objective.value(place.objective.expected(*local_view, part.group), part)
        return jax.tree.map(jnp.add, total, found), None

    total, _ = batch.over_parts(add_part, Value.zero(batch.weight.dtype), objective.at_once)
    loss, share = objective.devices.summed(total).loss, objective.share_of(batch)
    priced = {penalty.prior.path: penalty for penalty in objective.penalties}
    for path, leaf in (named_parameters(place.variables) | named_parameters(variables)).items():
        if path in priced:
            loss = loss + share * priced[path].value_and_gradient(leaf)[0]
    return loss


def _traced(transformation: optax.GradientTransformation, variables: PyTree, state: PyTree, extra: dict) -> None:
    with promoted_by_jax():
        jax.eval_shape(lambda state: transformation.update(variables, state, variables, **extra), state)


def _first(variables: PyTree) -> Scalar:
    """Some value of parameters, in their type."""
    return jnp.sum(jax.tree.leaves(variables)[0])
