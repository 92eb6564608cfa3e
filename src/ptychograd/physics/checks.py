"""What a model and its data must agree on, told before anything is compiled."""

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ptychograd.core.compilable import compilable
from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.parameters import matches, named_leaves, named_parameters, trainable_names
from ptychograd.core.strict import meant
from ptychograd.core.windows import Window
from ptychograd.physics.batching import batched
from ptychograd.physics.hints import check_kinds
from ptychograd.physics.model import AbstractModel, Group, first_pattern, roles_of, shares_work
from ptychograd.physics.role_checks import check_roles


def check_count(model: AbstractModel, count: int) -> None:
    """Raise `InputError` unless a model whose patterns are numbered, by a scan or by rows, has `count` of them."""
    if count % model.group:
        raise InputError(f"The model takes {model.group} patterns together, and {count} can't be divided by that.")
    known = known_count(model)
    if known is not None and known != count:
        each = f" of {model.group} patterns each" if model.group > 1 else ""
        raise InputError(
            f"The model's scan has {known // model.group} positions{each}, but the data hold {count} patterns; make "
            "the model from this dataset."
        )


@meant
def known_count(model: AbstractModel) -> int | None:
    """How many patterns a model has, where its scan, or an array with one row a pattern (a group), tells."""
    places, leaves = getattr(roles_of(model), "positions", None), named_parameters(model)
    if places is not None:
        return len(places.corner) * model.group
    lengths = [len(leaves[path]) for path in model.per_pattern or () if path in leaves]
    return lengths[0] * model.group if lengths else None


def checked_shared(model: AbstractModel) -> AbstractModel:
    """The model as it is; raises `InputError` where `shared()` gives none, or one of other shapes or groups."""
    if not shares_work(model):
        return model
    name = type(model).__name__
    try:
        found = eqx.filter_eval_shape(type(model).shared, model)
    except RecursionError:
        raise InputError(f"{name}.shared() calls itself without end; compute what is shared there.") from None
    except InputError:
        raise
    except (TypeError, ValueError, IndexError, AttributeError) as problem:
        raise InputError(
            f"{name}.shared() ends with an error ({str(problem).splitlines()[0]}); expected a function of the model "
            "alone, which gives the model in whose place the calls of a batch are made."
        ) from problem
    if not isinstance(found, AbstractModel):
        what = "an array" if hasattr(found, "shape") else type(found).__name__
        raise InputError(
            f"{name}.shared() gives {what}; expected the model in whose place the calls of a batch are made,"
            " as eqx.tree_at(lambda model: model.object, self, ...)."
        )
    if found.group != model.group:
        raise InputError(
            f"The model that {name}.shared() gives takes {found.group} patterns together, {name} {model.group}; "
            "expected the same number."
        )
    if type(found) is type(model):
        _check_same_shapes(model, found)
    return model


def _check_same_shapes(model: AbstractModel, found: AbstractModel) -> None:
    """Refuse arrays of other shapes, or complex for real ones, in fields that `shared()` fills; a number may grow."""
    fields = {path: leaf for path, leaf in named_leaves(model).items() if eqx.is_array(leaf) and leaf.size > 1}
    for path, new in named_leaves(found).items():
        old = fields.get(path)
        if old is None or (new.shape == old.shape and (new.dtype.kind == "c") == (old.dtype.kind == "c")):
            continue
        raise InputError(
            f"{type(model).__name__}.shared() puts {new.dtype}{list(new.shape)} in the place of "
            f'{old.dtype}{list(old.shape)} as "{path}"; expected the same shape and kind, by which priors and results '
            "go: begin with an array of that kind."
        )


@meant
def check_windows(model: AbstractModel, count: int) -> None:
    """Refuse windows that leave their array, which a compiled program would move back inside without a word.

    `count` is the number of patterns (groups).

    Raises:
        InputError: names the array, the first pattern whose window leaves it, and by how much.
    """
    arrays = {name: leaf for name, leaf in named_leaves(model).items() if eqx.is_array(leaf)}
    _check_kinds_of_windows(model, arrays)
    first = first_pattern(model, Group(jnp.arange(count, dtype=jnp.int32)))
    for path, window in batched(model.windows, (0,))(first).items():
        corners = np.asarray(window.corner).reshape(-1, 2)
        for name in (name for name in arrays if matches(name, path)):
            size = arrays[name].shape[-2:]
            leaves = ((corners < 0) | (corners + window.shape > size)).any(axis=1)
            if leaves.any():
                first = int(np.argmax(leaves))
                low, high = corners[first].tolist(), (corners[first] + window.shape).tolist()
                raise InputError(
                    f"Pattern {first} sees pixels {low} to {high} (y, x) of {name}, which has {size}; of {count:,} "
                    f"windows {np.count_nonzero(leaves):,} leave it. Make the array larger, or mend the positions."
                )


def _check_kinds_of_windows(model: AbstractModel, arrays: Mapping[str, Array]) -> None:
    """Refuse what is no table of windows, and windows of no array."""
    name, index = f"{type(model).__name__}.windows()", jnp.zeros((), jnp.int32)
    found = model.windows(index)
    if not isinstance(found, Mapping) or not all(isinstance(window, Window) for window in found.values()):
        raise InputError(f'{name} gives no windows by path; expected {{"object": pg.Window(corner, (height, width))}}.')
    for path in found:
        if not any(matches(one, path) for one in arrays):
            raise InputError(f'{name} names "{path}", and the model has no such array; it has: {", ".join(arrays)}.')


@meant
@compilable
def refined_by_default(model: AbstractModel) -> tuple[str, ...]:
    """Paths of the parameters that are refined where nobody names any."""
    check_kind(model, AbstractModel, "model")
    check_kinds(model)
    check_roles(checked_shared(model))
    if not (refined := tuple(model.refined)):
        if there := trainable_names(model):
            raise InputError(
                f"A {type(model).__name__} has no parameters but positions ({', '.join(there)}), which are refined "
                "where they are asked for: name them in `trainable`."
            )
        raise InputError(
            f"A {type(model).__name__} has no parameters: make its fields JAX arrays of real or complex numbers "
            "(jnp.asarray), as NumPy's are constants."
        )
    return refined
