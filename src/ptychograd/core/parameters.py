"""Every parameter is named by its path in the model: `object.transmission`, `probe.modes`.

The same name selects what is refined, sets a step size, and names the dataset in the result file.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeGuard, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ptychograd.core.errors import InputError
from ptychograd.core.strict import promoted_by_jax

Value = TypeVar("Value")


class AbstractPart(eqx.Module):
    """Base class of the parts of a model: object, probe, scan, propagator and detector.

    Real and complex JAX arrays among the fields of a part are its parameters; NumPy arrays are constants. What solvers
    have to know about parameters stands in the properties below, by the names of the part's own fields. All of them
    have defaults, so that a part of your own overrides only what it needs.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> class Tilt(pg.AbstractPart):
        ...     angle: jax.Array
        ...     @property
        ...     def steps(self):
        ...         return {"angle": 1e-3}  # radians
        >>> Tilt(jnp.zeros(())).per_pattern
        {}
    """

    @property
    def steps(self) -> Mapping[str, Float[Array, ""] | float]:
        """A step that suits a real parameter, in its own unit."""
        return {}

    @property
    def per_pattern(self) -> Mapping[str, int]:
        """Arrays (index, k) that have one row for each pattern, and their k; to be read with `pg.core.row` alone."""
        return {}

    @property
    def weighted(self) -> Sequence[str]:
        """Arrays that every pattern sees multiplied by a weight of its own, as the variations of a probe."""
        return ()

    def gauge_fixed(self) -> tuple[dict[str, Array], ...]:
        """New values of parameters, without what no pattern can tell, as the mean of all position errors.

        Values that depend on each other stand in one dictionary: they are replaced together or not at all.
        """
        return ()

    def stuck(self, name: str, free: Collection[str]) -> Iterator[str]:
        """A sentence for each of its parameters from which no derivative leads away, and how to begin otherwise.

        `name` is that of the part in the model, as "probe", and `free` are the paths of what is refined.
        """
        yield from ()


def with_derivative(value: Array, variable: Array) -> Array:
    """The number of the one and the derivative of the other: what a step size may be told by."""
    return jax.lax.stop_gradient(value) + (variable - jax.lax.stop_gradient(variable))


class Planes(NamedTuple):
    """A complex array as two real ones, the form in which solvers differentiate and step."""

    real: Float[Array, "..."]
    imag: Float[Array, "..."]


def is_planes(node: object) -> TypeGuard[Planes]:
    """Whether a node of a tree is a complex parameter in this form; all else asks here."""
    return isinstance(node, Planes)


def split(parameters: PyTree) -> PyTree:
    """Complex leaves become `Planes`; real ones stay."""
    return jax.tree.map(lambda x: Planes(x.real, x.imag) if jnp.iscomplexobj(x) else x, parameters)


def join(parameters: PyTree) -> PyTree:
    """Undo `split`."""
    return jax.tree.map(
        lambda x: jax.lax.complex(*x) if is_planes(x) else x,
        parameters,
        is_leaf=is_planes,
    )


def path_name(path: tuple) -> str:
    """`object.transmission` from a path of JAX's tree; the planes of a complex leaf share one name."""
    name = jax.tree_util.keystr(path, simple=True, separator=".")
    return name.removesuffix(".real").removesuffix(".imag")


def map_with_names(function: Callable, tree: PyTree, *others: PyTree) -> PyTree:
    """`jax.tree.map` whose function is given the leaf's name first."""
    return jax.tree_util.tree_map_with_path(lambda path, *leaves: function(path_name(path), *leaves), tree, *others)


def map_parameters(function: Callable, tree: PyTree) -> PyTree:
    """`jax.tree.map` over parameters; `Planes` count as one."""
    return jax.tree.map(function, tree, is_leaf=is_planes)


def named_leaves(tree: PyTree) -> dict[str, PyTree]:
    """All arrays of a tree by name; the planes of a complex parameter apart, as `.real` and `.imag`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def named_parameters(tree: PyTree) -> dict[str, PyTree]:
    """All parameters of a tree by name; `Planes` count as one."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf=is_planes)
    return {path_name(path): leaf for path, leaf in leaves}


def replace_parameter(tree: PyTree, name: str, value: PyTree) -> PyTree:
    """The tree with the parameter called `name` replaced."""
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: value if path_name(path) == name else leaf, tree, is_leaf=is_planes
    )


def replace_parameters(tree: PyTree, values: Mapping[str, PyTree]) -> PyTree:
    """The tree with the parameters that `values` names replaced."""
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: values.get(path_name(path), leaf), tree, is_leaf=is_planes
    )


def matches(name: str, path: str) -> bool:
    """Whether `path` is `name` or a parent of it: `object` matches `object.transmission`."""
    return name == path or name.startswith(path + ".")


def is_parameter(leaf: PyTree) -> bool:
    """Whether a leaf of a model can be refined: a real or complex JAX array. NumPy arrays are constants."""
    return isinstance(leaf, jax.Array) and bool(jnp.issubdtype(leaf.dtype, jnp.inexact))


def trainable_names(model: PyTree) -> list[str]:
    """Names of all parameters that could be refined: every real or complex array of the model."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(eqx.filter(model, is_parameter))
    return [path_name(path) for path, _ in leaves]


def real_dtype(parameters: PyTree) -> np.dtype:
    """float32 or float64, as the parameters are."""
    with promoted_by_jax():
        return np.dtype(jnp.result_type(*jax.tree.leaves(parameters)).type(0).real.dtype)


def partition(model: PyTree, names: Iterable[str]) -> tuple[PyTree, PyTree]:
    """Split a model into the parameters under `names` and the rest; `equinox.combine` undoes it.

    Raises `InputError` for a name under which the model has no parameter.
    """
    chosen = tuple(names)
    _check_inexact(chosen, model)
    check_names(chosen, trainable_names(model))
    if not chosen:
        raise InputError(f"Nothing to refine; name at least one of: {', '.join(trainable_names(model))}.")
    wanted = map_with_names(
        lambda name, leaf: is_parameter(leaf) and any(matches(name, path) for path in chosen), model
    )
    return eqx.partition(model, wanted)


def _check_inexact(names: Iterable[str], model: PyTree) -> None:
    """Raise `InputError` for the name of an array that can't be refined."""
    arrays = named_leaves(eqx.filter(model, eqx.is_array))
    for name in names:
        leaf = arrays.get(name)
        if leaf is not None and not is_parameter(leaf):
            known = ", ".join(trainable_names(model)) or "none, as its real and complex arrays are not JAX's"
            raise InputError(f'"{name}" {_why_constant(leaf)}; this model\'s parameters are: {known}.')


def _why_constant(leaf: Array | np.ndarray) -> str:
    if jnp.issubdtype(leaf.dtype, jnp.inexact):
        return "is an array of NumPy's, so a constant, and can't be refined unless jnp.asarray makes it a parameter"
    kind = "True and False" if leaf.dtype == bool else f"whole numbers ({leaf.dtype})"
    return f"holds {kind} and can't be refined"


def by_name(names: Iterable[str], values: Mapping[str, Value], what: str) -> dict[str, Value]:
    """For every parameter name the value that was given for it or for the nearest of its parents.

    Raises `InputError` where a parameter has none.
    """
    found = {name: nearest(name, values) for name in names}
    for name, value in found.items():
        if value is None:
            raise InputError(f'No {what} is given for "{name}"; given are: {", ".join(values)}.')
    return {name: value for name, value in found.items() if value is not None}


def nearest(name: str, values: Mapping[str, Value]) -> Value | None:
    """The value that was given for a parameter or for the nearest of its parents, if any."""
    parents = [path for path in values if matches(name, path)]
    return values[max(parents, key=len)] if parents else None


def check_names(names: Iterable[str], known: Iterable[str]) -> None:
    """Raise `InputError` for a name under which there is no parameter among those `known`, and list these."""
    known = list(known)
    for name in names:
        if not any(matches(leaf, name) for leaf in known):
            there = f"this model's parameters are: {', '.join(known)}" if known else "this model has none"
            hint = "" if known else "; make its fields JAX arrays (jnp.asarray), as NumPy's are constants"
            raise InputError(f'Unknown parameter "{name}"; {there}{hint}.')
