"""Parameters that have no diagonal: by Adam, or row by row where each pattern has its own.

A parameter that is real, and any of a model without an exit wave, comes with no curvature. Adam (Kingma & Ba 2014)
takes the root mean square of past gradients in its place, number by number, so that steps have the size that is asked
for: given, or suggested by the model, or else 1 % of the parameter's root-mean-square at the start. Arrays with one
row a pattern move as `PerPatternState` has it.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import check_names, is_planes, matches, named_parameters, nearest
from ptychograd.core.strict import promoted_by_jax
from ptychograd.fitting.objective import Objective
from ptychograd.fitting.shared import windows_by_name
from ptychograd.fitting.solvers.derivatives import Automatic
from ptychograd.fitting.solvers.moving import plus
from ptychograd.fitting.solvers.per_pattern import PerPatternState

RELATIVE_STEP = 0.01  # of the start's root-mean-square, for parameters that have no diagonal

Named = dict[str, PyTree]
Scalar = Float[Array, ""]


class Others(NamedTuple):
    """Adam's moments, and what is remembered of arrays with one row a pattern."""

    adam: optax.OptState
    per_pattern: dict[str, PerPatternState]

    @classmethod
    def of(cls, objective: Objective, variables: PyTree, others: Named) -> "Others":
        """Before the first step of these parameters."""
        rows = _names_of_per_pattern(objective, variables, others)
        adam = _ADAM.init({name: leaf for name, leaf in others.items() if name not in rows})
        return cls(adam, {name: PerPatternState.of(others[name]) for name in rows})

    def moved(self, values: Named, gradients: Named, steps: Named, warmth: Scalar) -> tuple[Named, "Others"]:
        """The parameters after a step each, of a length that cools, and what is remembered then."""
        adam, per_pattern = self
        with promoted_by_jax():
            directions, adam = _ADAM.update({name: gradients[name] for name in steps if name not in per_pattern}, adam)
        followed = {name: row.followed_by(gradients[name]) for name, row in per_pattern.items()}
        directions = named_parameters(directions) | {name: direction for name, (direction, _) in followed.items()}
        values = {name: plus(values[name], -warmth * step, directions[name]) for name, step in steps.items()}
        return values, Others(adam, {name: row for name, (_, row) in followed.items()})


def without_diagonal(given: Mapping[str, float], objective: Objective, variables: PyTree) -> Named:
    """The parameters that have no diagonal; raises `InputError` for steps that are given for any other."""
    check_names(given, objective.names)
    scaled = Automatic().diagonal_names(objective, variables)
    others = {name: leaf for name, leaf in named_parameters(variables).items() if name not in scaled}
    for path in given:
        if any(matches(name, path) for name in scaled):
            raise InputError(
                f'The step of "{path}" comes from the model; give steps for {", ".join(others) or "none"}.'
            )
    return others


def steps_of(
    given: Mapping[str, float], suggested: Mapping[str, Scalar | float], leaves: Named, solver: str
) -> dict[str, Float[Array, ""]]:
    """Steps for parameters that have no diagonal: those `given`, or else those that the model suggests."""
    return {name: _step_of(name, leaf, given, suggested, solver) for name, leaf in leaves.items()}


def _step_of(
    name: str, leaf: PyTree, asked: Mapping[str, float], suggested: Mapping[str, Scalar | float], solver: str
) -> Float[Array, ""]:
    given, planes = nearest(name, asked), jax.tree.leaves(leaf)
    given = nearest(name, suggested) if given is None else given
    if given is not None:
        return jnp.asarray(given, planes[0].dtype)
    size = jnp.sqrt(jnp.asarray([jnp.mean(plane**2) for plane in planes]).sum())
    if not size > 0:
        raise InputError(
            f"{name} is 0 at the start, which tells no step size; give one: {solver}(steps={{'{name}': 0.1}})."
        )
    return RELATIVE_STEP * size


def _names_of_per_pattern(objective: Objective, variables: PyTree, others: Named) -> list[str]:
    """Real arrays of which a pattern sees one row."""
    windows = windows_by_name(objective, variables) if others else {}
    seen = {name: windows[name] for name, leaf in others.items() if not is_planes(leaf)}
    return [name for name, window in seen.items() if window is not None and others[name].shape[1:] == window.shape[1:]]


_ADAM = optax.scale_by_adam()
