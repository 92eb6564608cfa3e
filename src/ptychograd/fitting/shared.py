"""Work that all patterns of a batch share: done once before their calls, and differentiated once after them.

With parameters x, the model s(x) that `shared()` gives, and the misfit f_j of pattern j, the gradient of Σ_j f_j(s(x))
is (∂s/∂x)^T Σ_j ∂f_j/∂s: the patterns' derivatives are summed with respect to the arrays of s, and go back through s
in one reverse-mode pass.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from ptychograd.core.parameters import join, named_leaves, named_parameters, split
from ptychograd.core.windows import Window, window_of
from ptychograd.fitting.objective import Objective, doubled, wirtinger
from ptychograd.physics.model import AbstractModel, Group
from ptychograd.physics.shared_work import from_which


class SharedShapes(NamedTuple):
    """The model that `shared()` gives, in shapes, and what parameters have to do with its arrays.

    Attributes:
        model: with shapes in the place of arrays.
        moves: for each of its arrays whether it is differentiable and depends on a parameter.
        untouched: parameters that stand in it as they are, and that nothing else in it depends on: their names there.
    """

    model: AbstractModel
    moves: tuple[bool, ...]
    untouched: dict[str, str]


class InPlace(NamedTuple):
    """An objective of the model that stands in another's place, its variables, and the way back for their gradient."""

    objective: Objective
    variables: PyTree
    names: dict[str, str]
    pulled_back: Callable[[PyTree], PyTree]


def in_place(objective: Objective, variables: PyTree) -> InPlace:
    """What the calls of a batch are made with: the objective as it is, unless its model shares work."""
    if not objective.shares:
        return InPlace(objective, variables, {name: name for name in named_parameters(variables)}, lambda found: found)
    shapes = shared_shapes(objective, variables)

    def parts(variables: PyTree) -> tuple[PyTree, PyTree]:
        arrays, static = eqx.partition(objective.model(variables).shared(), eqx.is_array)
        leaves, tree = jax.tree.flatten(arrays)
        moving, still = (
            tree.unflatten([leaf if moves is asked else None for leaf, moves in zip(leaves, shapes.moves, strict=True)])
            for asked in (True, False)
        )
        return split(moving), eqx.combine(still, static)

    there, transposed = jax.vjp(lambda variables: parts(variables)[0], variables)
    _, rest = parts(variables)  # without what moves, which the compiler leaves out here

    def pulled_back(gradient: PyTree) -> PyTree:
        return wirtinger(transposed(doubled(gradient))[0])

    own = named_parameters(variables)
    priced = tuple(penalty for penalty in objective.penalties if penalty.prior.path not in own)
    names = tuple(shapes.untouched.values())
    return InPlace(
        replace(objective, rest=rest, untouched=names, penalties=priced), there, shapes.untouched, pulled_back
    )


def shared_shapes(objective: Objective, variables: PyTree) -> SharedShapes:
    """What `shared()` makes of parameters, told from its program; nothing is computed."""
    own = join(variables)
    program, shapes, static = eqx.filter_make_jaxpr(lambda own: eqx.combine(own, objective.rest).shared())(own)
    names, inputs, outputs = list(named_parameters(own)), program.jaxpr.invars, program.jaxpr.outvars
    sources, leaves = from_which(program.jaxpr, names), named_leaves(shapes)
    moves = tuple(
        bool(which) and bool(jnp.issubdtype(leaf.dtype, jnp.inexact))
        for which, leaf in zip(sources, leaves.values(), strict=True)
    )
    untouched = {}
    for name, one in zip(names, inputs, strict=True):
        users = [there for there, which in zip(leaves, sources, strict=True) if name in which]
        if users and outputs[list(leaves).index(users[0])] is one and len(users) == 1:
            untouched[name] = users[0]
    return SharedShapes(eqx.combine(shapes, static), moves, untouched)


def windows_by_name(objective: Objective, variables: PyTree) -> dict[str, Window | None]:
    """For each variable the window through which a pattern sees it, if it is one of the arrays that patterns see."""
    first = Group(jnp.zeros(1, jnp.int32))
    if not objective.shares:
        windows = objective.windows(variables, first)
        return {name: window_of(name, windows) for name in named_parameters(variables)}

    def there(variables: PyTree) -> PyTree:
        place = in_place(objective, variables)
        return place.objective.windows(place.variables, first)

    windows, names = eqx.filter_eval_shape(there, variables), shared_shapes(objective, variables).untouched
    return {name: window_of(names[name], windows) if name in names else None for name in named_parameters(variables)}
