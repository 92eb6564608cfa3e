"""What a model and its data must agree on, told before anything is compiled."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import matches, named_leaves, named_parameters
from ptychograd.core.strict import meant
from ptychograd.physics.model import AbstractModel, batched, shares_work
from ptychograd.physics.scan import AbstractScan


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


def known_count(model: AbstractModel) -> int | None:
    """How many patterns a model has, where its scan, or an array with one row a pattern (a group), tells."""
    scan, leaves = getattr(model, "scan", None), named_parameters(model)
    if isinstance(scan, AbstractScan):
        return len(scan.corner) * model.group
    lengths = [len(leaves[path]) for path in model.per_pattern if path in leaves]
    return lengths[0] * model.group if lengths else None


def checked_shared(model: AbstractModel) -> AbstractModel:
    """The model as it is; raises `InputError` where `shared()` gives none, or one with other groups of patterns."""
    if not shares_work(model):
        return model
    found, name = eqx.filter_eval_shape(type(model).shared, model), type(model).__name__
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
    return model


@meant
def check_windows(model: AbstractModel, count: int) -> None:
    """Refuse windows that leave their array, which a compiled program would move back inside without a word.

    `count` is the number of patterns (groups).

    Raises:
        InputError: names the array, the first pattern whose window leaves it, and by how much.
    """
    arrays = {name: leaf for name, leaf in named_leaves(model).items() if eqx.is_array(leaf)}
    for path, window in batched(model.windows, (0,))(jnp.arange(count, dtype=jnp.int32)).items():
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
