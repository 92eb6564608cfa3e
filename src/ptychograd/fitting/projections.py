"""What constraints do in a run: found by path, checked before anything is compiled, applied after each step."""

import zlib
from collections.abc import Iterator, Mapping, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.parameters import (
    check_names,
    is_parameter,
    is_planes,
    join,
    named_parameters,
    nearest,
    replace_parameters,
    split,
)
from ptychograd.core.strict import meant
from ptychograd.fitting.constraints import AbstractConstraint

Constraints = Mapping[str, AbstractConstraint | Sequence[AbstractConstraint]]
SCALE = 1e3  # by which an array is multiplied to see whether a constraint minds
AS_GOOD_AS = 1e-3  # equal, relative


class Projection(eqx.Module):
    """The constraints on one parameter, by its name, one after another."""

    name: str = eqx.field(static=True)
    parts: tuple[AbstractConstraint, ...]

    def __call__(self, leaf: PyTree) -> PyTree:
        """The parameter, complex or `Planes`, as it has to be."""
        array = join(leaf)
        for part in self.parts:
            array = part(array)
        return split(array) if is_planes(leaf) else array


def projected(projections: Sequence[Projection], variables: PyTree) -> PyTree:
    """The variables as their constraints have them."""
    if not projections:
        return variables
    named = named_parameters(variables)
    return replace_parameters(variables, {one.name: one(named[one.name]) for one in projections if one.name in named})


@meant
def begun_with(projections: Sequence[Projection], variables: PyTree) -> PyTree:
    """The variables of a start as their constraints have them; raises `InputError` for one that makes them NaN."""
    named = named_parameters(variables)
    for one in (one for one in projections if one.name in named):
        array = join(named[one.name])
        for part in one.parts if np.isfinite(np.asarray(array)).all() else ():
            array = part(array)
            if not np.isfinite(np.asarray(array)).all():
                raise InputError(
                    f'The constraint {type(part).__name__} on "{one.name}" makes NaN or infinity of where it starts; '
                    "expected finite numbers, so keep its roots, logarithms and quotients from 0."
                )
    return projected(projections, variables)


def several(constraints: AbstractConstraint | Sequence[AbstractConstraint]) -> tuple[AbstractConstraint, ...]:
    """The constraints on one path."""
    return (constraints,) if isinstance(constraints, AbstractConstraint) else tuple(constraints)


def check_constraints(constraints: object) -> None:
    """Raise `InputError` for what is no table of constraints by path."""
    if not isinstance(constraints, Mapping):
        raise InputError(
            f"constraints={type(constraints).__name__}; expected a table by parameter path, as "
            '{"object": pg.constraints.Positive()}.'
        )
    for value in constraints.values():
        for part in value if isinstance(value, list | tuple) else (value,):
            check_kind(part, AbstractConstraint, "constraint")


@meant
def projections_of(constraints: Constraints, model: PyTree, parameters: PyTree) -> tuple[Projection, ...]:
    """Those on the refined `parameters` of a model; raises `InputError` for a path or a shape that does not fit."""
    check_constraints(constraints)
    check_names(constraints, named_parameters(eqx.filter(model, is_parameter)))
    found = []
    for name, array in named_parameters(parameters).items():
        if (given := nearest(name, constraints)) is not None:
            parts = several(given)
            for part in parts:
                _check_shape(name, part, array)
            found.append(Projection(name, jax.tree.map(_as_jax, parts)))
    return tuple(found)


def _as_jax(leaf: PyTree) -> PyTree:
    return jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf


def _check_shape(name: str, part: AbstractConstraint, array: jax.Array) -> None:
    kind = type(part).__name__
    try:
        there = jax.eval_shape(part, array)
    except InputError as problem:
        raise InputError(f'The constraint {kind} can\'t hold for "{name}": {str(problem).rstrip(".")}.') from None
    shape = getattr(there, "shape", None)
    if shape != array.shape or there.dtype != array.dtype:
        gives = f"{there.dtype} {shape}" if shape is not None else type(there).__name__
        raise InputError(
            f'The constraint {kind} on "{name}" gives {gives} for {array.dtype} {array.shape}; a projection has to '
            "keep shape and type."
        )


@meant
def fixes_scale(projection: Projection, array: jax.Array) -> bool:
    """Whether it has a say in how large an array is: s times one that fulfils it may not fulfil it."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=array.shape) + (1j * rng.normal(size=array.shape) if jnp.iscomplexobj(array) else 0)
    small, large = (np.asarray(projection(jnp.asarray(s * values, array.dtype))) for s in (1.0, SCALE))
    return not np.allclose(large, SCALE * small, rtol=AS_GOOD_AS, atol=AS_GOOD_AS * SCALE)


@meant
def check_idempotent(projections: Sequence[Projection], variables: PyTree) -> None:
    """Raise `InputError` for a constraint that changes again what it has changed, for solvers that compare places.

    Such solvers call it in their `check_constraints`.
    """
    for projection in projections:
        leaf = named_parameters(variables)[projection.name]
        once, twice = (np.asarray(join(found)) for found in _once_and_twice(projection, leaf))
        if not np.allclose(once, twice, rtol=AS_GOOD_AS, atol=AS_GOOD_AS * np.abs(once).max(initial=0)):
            raise InputError(
                f'The constraints on "{projection.name}" change again what they have changed before, so that nothing '
                "stays where it is; L-BFGS needs projections: take nesterov."
            )


def _once_and_twice(projection: Projection, leaf: PyTree) -> tuple[PyTree, PyTree]:
    once = projection(leaf)
    return once, projection(once)


def names_of(constraints: AbstractConstraint | Sequence[AbstractConstraint]) -> list[str]:
    """The classes of the constraints on one path."""
    return [type(part).__name__ for part in several(constraints)]


def summary_of(constraints: Constraints) -> dict[str, str]:
    """Constraints in words, by path: equal for equal ones. Arrays are told by a checksum."""
    return {path: " then ".join(map(_summary, several(given))) for path, given in sorted(constraints.items())}


def _summary(part: AbstractConstraint) -> str:
    return f"{type(part).__name__}({', '.join(_fields(part))})"


def _fields(part: AbstractConstraint) -> Iterator[str]:
    for name, value in vars(part).items():
        if isinstance(value, np.ndarray | jax.Array):
            array = np.ascontiguousarray(value)
            yield f"{name}={array.dtype}{list(array.shape)} {zlib.crc32(array.tobytes()):08x}"
        else:
            yield f"{name}={value!r}"
