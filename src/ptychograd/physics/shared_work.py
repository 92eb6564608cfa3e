"""The model that `shared()` gives: computed once for a model, and what of it is computed from which parameters."""

import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import equinox as eqx
import jax
from jax.core import Tracer
from jaxtyping import PyTree

from ptychograd.core.parameters import is_parameter, named_leaves, trainable_names

_LAST: dict[int, PyTree] = {}  # by the identity of the model that shares: what it gave last, for as long as it lives


def shared_of(model: PyTree) -> PyTree:
    """What `model.shared()` gives, computed once for as long as this model is the last that was asked.

    Roles, hints and priors all look at it. Nothing in a model changes, so its identity tells what it gives. Within a
    program that is traced it is asked anew.
    """
    if (found := _LAST.get(id(model))) is not None:
        return found
    found = model.shared()
    if found is not model and not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((model, found))):
        _LAST.clear()
        _LAST[id(model)] = found
        weakref.finalize(model, _LAST.pop, id(model), None)
    return found


def computed_from(model: PyTree) -> dict[str, set[str]]:
    """For each array of the model that `shared()` gives, by path, the parameters of `model` that it depends on."""
    own, rest = eqx.partition(model, is_parameter)
    program, shapes, _ = eqx.filter_make_jaxpr(lambda own: eqx.combine(own, rest).shared())(own)
    return dict(zip(named_leaves(shapes), from_which(program.jaxpr, trainable_names(model)), strict=True))


def from_which(program: Any, names: Iterable[str]) -> list[set[str]]:
    """For each output of a program the inputs, which have these names, that it may depend on."""
    sources = {one: {name} for one, name in zip(program.invars, names, strict=True)}
    for equation in program.eqns:
        used = [sources.get(one, set()) for one in _variables(equation.invars)]
        sources |= dict.fromkeys(equation.outvars, set().union(*used))
    return [set() if _is_literal(one) else sources.get(one, set()) for one in program.outvars]


def _variables(values: Iterable[Any]) -> Iterator[Any]:
    return (one for one in values if not _is_literal(one))


def _is_literal(value: Any) -> bool:
    return hasattr(value, "val")
