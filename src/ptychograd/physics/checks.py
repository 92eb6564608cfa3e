"""What a model and its data must agree on, told before anything is compiled."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.parameters import matches, named_leaves, named_parameters
from ptychograd.core.strict import meant
from ptychograd.physics.batching import batched
from ptychograd.physics.model import AbstractModel, first_pattern, shares_work
from ptychograd.physics.roles import KINDS, PRODUCT, Image, Positions, Roles


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
    places, leaves = getattr(model.roles(), "positions", None), named_parameters(model)
    if places is not None:
        return len(places.corner) * model.group
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
    for path, window in batched(model.windows, (0,))(first_pattern(model, jnp.arange(count, dtype=jnp.int32))).items():
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


@meant
def refined_by_default(model: AbstractModel) -> tuple[str, ...]:
    """Paths of the parameters that are refined where nobody names any."""
    check_kind(model, AbstractModel, "model")
    check_roles(model)
    if not (refined := tuple(model.refined)):
        raise InputError(
            f"A {type(model).__name__} has no parameters: make its fields JAX arrays of real or complex numbers "
            "(jnp.asarray), as NumPy's are constants."
        )
    return refined


@meant
def check_roles(model: AbstractModel) -> None:
    """Raise `InputError` for roles that name no arrays, or arrays that don't fit what is said of them."""
    kind, roles = type(model).__name__, model.roles()
    if not isinstance(roles, Roles):
        raise InputError(f"{kind}.roles() gives {_named(roles)}; expected pg.Roles(image=pg.Image(array, ...), ...).")
    for name, role in roles._asdict().items():
        if role is None:
            continue
        if not isinstance(role, KINDS[name]):
            wanted = f"pg.physics.{KINDS[name].__name__}(...)"
            raise InputError(f"{kind}.roles() gives {_named(role)} as {name}; expected {wanted}.")
        if not isinstance(role[0], jax.Array | np.ndarray):
            raise InputError(
                f"{kind}.roles() names {_named(role[0])} as {name}; expected an array of the model, or one computed "
                "from its arrays."
            )
    if roles.image is not None:
        _check_image(kind, roles.image)
    if roles.positions is not None:
        _check_positions(kind, roles.positions)


def _check_image(kind: str, image: Image) -> None:
    for name in ("axes", "sampling", "gauge"):
        if not isinstance(value := getattr(image, name), tuple | list | None):
            raise InputError(f"{kind}.roles(): {name}={value!r} of the image; expected a tuple, also of one.")
    shape, axes = np.shape(image.array), tuple(image.axes)
    if len(axes) not in (2, 3) or len(shape) != len(axes) + bool(image.layers):
        many = f" and {image.layers} before them" if image.layers else ""
        raise InputError(
            f"{kind}.roles(): the image has the shape {shape}, and axes {axes}{many}; expected an axis for each name, "
            'two or three, as ("y", "x"), and `layers` for one more.'
        )
    if len(axes) == 3 and axes != ("x", "y", "z"):
        raise InputError(
            f'{kind}.roles(): a volume has the axes {axes}; expected ("x", "y", "z"), as files and pictures of volumes '
            "have them: transpose it in roles()."
        )
    if image.sampling is not None and len(image.sampling) != len(axes):
        raise InputError(f"{kind}.roles(): a sampling of {len(image.sampling)} lengths for the image's axes {axes}.")
    for name in ("support", "illuminated"):
        array = getattr(image, name)
        if array is not None and np.shape(array) != shape[-len(axes) :]:
            wanted = shape[-len(axes) :]
            raise InputError(f"{kind}.roles(): {name} has the shape {np.shape(array)}; expected {wanted} as the image.")
    unknown = [word for word in image.gauge if word not in PRODUCT]
    if unknown:
        raise InputError(f"{kind}.roles(): no gauge is called {unknown[0]!r}; expected some of {', '.join(PRODUCT)}.")


def _check_positions(kind: str, positions: Positions) -> None:
    shape = np.shape(positions.corner)
    if shape[1:] != (2,):
        raise InputError(f"{kind}.roles(): the corner of its positions has the shape {shape}; expected (index, 2).")
    for name in ("corrections", "nominal", "offset"):
        array = getattr(positions, name)
        if array is not None and np.shape(array) != shape:
            raise InputError(
                f"{kind}.roles(): {name} of its positions has the shape {np.shape(array)}, and the corner {shape}; "
                "expected the same."
            )


def _named(value: object) -> str:
    if value is None:
        return "nothing"
    return "an array" if isinstance(value, jax.Array | np.ndarray) else f"a {type(value).__name__}"
