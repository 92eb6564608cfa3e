"""What a model says of its parameters to solvers, checked before anything is compiled."""

from collections.abc import Mapping

import equinox as eqx
import jax
import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.overriding import check_overriding
from ptychograd.core.parameters import matches, named_leaves
from ptychograd.core.strict import meant
from ptychograd.physics.model import AbstractModel, ScaleAmbiguity, gathered, parts_of, shares_work
from ptychograd.physics.promise import parts_within
from ptychograd.physics.shared_work import shared_of


def check_kinds(model: AbstractModel) -> None:
    """Raise `InputError` where a method of one's own can't stand for what the base class has.

    Of the model and of all parts in it. It comes first: whoever asks for a hint gets a method then, and not its value.
    """
    for part in parts_within(model):
        check_overriding(part)
    if not (isinstance(model.group, int | np.integer) and model.group >= 1):
        raise InputError(f"{type(model).__name__}.group is {model.group!r}; expected a whole number, 1 or more.")


@meant
def check_hints(model: AbstractModel, count: int) -> None:
    """Raise `InputError` for paths of no array, and for sizes that are not those of the array.

    `count` is the number of patterns (groups).
    """
    kind, arrays = type(model).__name__, _arrays(model)
    _check_per_pattern(kind, model.per_pattern, arrays, count)
    for path in _table(kind, "steps", model.steps).keys() - gathered(model, lambda part: part.steps).keys():
        _check_path(f"{kind}.steps", path, arrays)
        step = model.steps[path]
        if not isinstance(step, int | float | np.number | jax.Array) or np.shape(step) or not float(step) > 0:
            raise InputError(f'{kind}.steps gives {model.steps[path]} for "{path}"; expected one number above 0.')
    of_parts = {f"{name}.{path}" for name, part in parts_of(model).items() for path in part.weighted}
    for path in set(model.weighted) - of_parts:
        _check_path(f"{kind}.weighted", path, arrays)
    free = model.free_scale
    if free is not None and not isinstance(free, ScaleAmbiguity):
        raise InputError(
            f"{kind}.free_scale is a {type(free).__name__}; expected pg.physics.ScaleAmbiguity(object, probe) or None."
        )
    for path in () if free is None else (free.object, *free.probe):
        _check_leaf(f"{kind}.free_scale", path, arrays)
    _check_gauge_fixed(model)


def _check_per_pattern(kind: str, found: object, arrays: Mapping[str, jax.Array], count: int) -> None:
    for path, columns in _table(kind, "per_pattern", found).items():
        _check_leaf(f"{kind}.per_pattern", path, arrays)
        if arrays[path].shape not in ((count, columns), (1, columns)):
            raise InputError(
                f'{kind}.per_pattern says that "{path}" has {columns} numbers for each pattern; it has the shape '
                f"{arrays[path].shape}, expected {(count, columns)}."
            )


def _check_gauge_fixed(model: AbstractModel) -> None:
    """Refuse new values of other paths or shapes, which would break a run after its first epoch."""
    kind = f"{type(model).__name__}.gauge_fixed()"
    arrays = {path: array for path, array in named_leaves(model).items() if eqx.is_array(array)}
    changes = eqx.filter_eval_shape(lambda model: model.gauge_fixed(), model)
    if not isinstance(changes, tuple | list) or not all(isinstance(change, Mapping) for change in changes):
        raise InputError(
            f"{kind} gives a {type(changes).__name__}; expected a tuple of tables from paths to new values,"
            ' as ({"offset": self.offset - self.offset.mean()},).'
        )
    for path, value in ((path, value) for change in changes for path, value in change.items()):
        _check_leaf(kind, path, arrays)
        array = arrays[path]
        if (getattr(value, "shape", None), getattr(value, "dtype", None)) != (array.shape, array.dtype):
            gives = f"{value.dtype}{list(value.shape)}" if hasattr(value, "dtype") else type(value).__name__
            raise InputError(f'{kind} gives {gives} for "{path}"; expected {array.dtype}{list(array.shape)} as it is.')


def _arrays(model: AbstractModel) -> dict[str, jax.Array]:
    """All arrays of the model, and of the one that `shared()` gives."""
    stands = shared_of(model) if shares_work(model) else model
    return {path: leaf for one in (stands, model) for path, leaf in named_leaves(one).items() if eqx.is_array(leaf)}


def _table(kind: str, name: str, found: object) -> Mapping:
    if not isinstance(found, Mapping):
        raise InputError(f'{kind}.{name} is a {type(found).__name__}; expected a table by path, as {{"offset": 2}}.')
    return found


def _check_path(where: str, path: str, arrays: Mapping[str, jax.Array]) -> None:
    if not any(matches(name, path) for name in arrays):
        raise InputError(f'{where} names "{path}", and the model has no such array; it has: {", ".join(arrays)}.')


def _check_leaf(where: str, path: str, arrays: Mapping[str, jax.Array]) -> None:
    if path not in arrays:
        raise InputError(f'{where} names "{path}", and the model has no such array; it has: {", ".join(arrays)}.')
