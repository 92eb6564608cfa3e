"""What the roles of a model have to be, told in one sentence before anything is compiled."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.illumination import first_pixels
from ptychograd.core.strict import meant
from ptychograd.physics.model import AbstractModel, asked_for_roles
from ptychograd.physics.roles import KINDS, PRODUCT, Illumination, Image, Positions, Roles, plain


@meant
def check_roles(model: AbstractModel) -> None:
    """Raise `InputError` for roles that name no arrays, or arrays that don't fit what is said of them."""
    kind, roles = f"{type(model).__name__}.roles()", plain(asked_for_roles(model).roles())
    if not isinstance(roles, Roles):
        raise InputError(f"{kind} gives {_named(roles)}; expected pg.Roles(image=pg.Image(array, ...), ...).")
    for name, role in roles._asdict().items():
        if role is None:
            continue
        if not isinstance(role, KINDS[name]):
            wanted = f"pg.physics.{KINDS[name].__name__}(...)"
            raise InputError(f"{kind} gives {_named(role)} as {name}; expected {wanted}.")
        if not isinstance(role[0], jax.Array | np.ndarray):
            raise InputError(
                f"{kind} names {_named(role[0])} as {name}; expected an array of the model, or one computed "
                "from its arrays."
            )
        if role[0].dtype.kind not in "iufc":
            raise InputError(f"{kind} names an array of {role[0].dtype} as {name}; expected real or complex numbers.")
    if roles.image is not None:
        _check_image(kind, roles.image)
    if roles.illumination is not None:
        _check_illumination(kind, roles.illumination)
    if roles.positions is not None:
        _check_positions(kind, roles.positions)
        _check_corners(kind, roles)


def _check_image(kind: str, image: Image) -> None:
    axes, shape = _checked_axes(kind, "image", image.axes), np.shape(image.array)
    if not isinstance(image.layers, str):
        raise InputError(f'{kind}: layers={image.layers!r} of the image; expected a word, as "slices", or "" for none.')
    if len(axes) not in (2, 3) or len(shape) != len(axes) + bool(image.layers):
        many = f" and {image.layers} before them" if image.layers else ""
        raise InputError(
            f"{kind}: the image has the shape {shape}, and axes {axes}{many}; expected an axis for each name, "
            'two or three, as ("y", "x"), and `layers` for one more.'
        )
    if len(axes) == 3 and axes != ("x", "y", "z"):
        raise InputError(
            f'{kind}: a volume has the axes {axes}; expected ("x", "y", "z"), as files and pictures of volumes '
            "have them: transpose it in roles()."
        )
    _check_sampling(kind, "image", image.sampling, axes)
    for name in ("support", "illuminated"):
        _check_mask(kind, name, getattr(image, name), shape[-len(axes) :])
    if not isinstance(image.outside, float | int):
        raise InputError(f"{kind}: outside={image.outside!r} of the image; expected one real number, as 1.0.")
    _check_texts(kind, "gauge", image.gauge)
    unknown = [word for word in image.gauge if word not in PRODUCT]
    if unknown:
        raise InputError(f"{kind}: no gauge is called {unknown[0]!r}; expected some of {', '.join(PRODUCT)}.")
    _check_unit(kind, "image", image.unit)


def _check_illumination(kind: str, beam: Illumination) -> None:
    axes, shape = _checked_axes(kind, "illumination", beam.axes), np.shape(beam.array)
    if len(axes) != 2 or len(shape) not in (2, 3):
        raise InputError(
            f"{kind}: the illumination has the shape {shape}, and axes {axes}; expected two axes, and modes "
            "(modes, y, x) or one wave (y, x)."
        )
    _check_sampling(kind, "illumination", beam.sampling, axes)
    _check_unit(kind, "illumination", beam.unit)


def _checked_axes(kind: str, name: str, axes: Any) -> tuple[str, ...]:
    _check_texts(kind, "axes", axes, name)
    return tuple(axes)


def _check_texts(kind: str, field: str, texts: Any, name: str = "image") -> None:
    if not isinstance(texts, tuple | list) or not all(isinstance(text, str) for text in texts):
        raise InputError(f"{kind}: {field}={texts!r} of the {name}; expected a tuple of words, also of one.")


def _check_sampling(kind: str, name: str, sampling: Any, axes: Sequence[str]) -> None:
    if sampling is None:
        return
    if not isinstance(sampling, tuple | list) or not all(isinstance(one, float | int) for one in sampling):
        raise InputError(f"{kind}: sampling={sampling!r} of the {name}; expected a tuple of lengths in metres.")
    if len(sampling) != len(axes):
        raise InputError(f"{kind}: a sampling of {len(sampling)} lengths for the {name}'s axes {tuple(axes)}.")
    if not all(np.isfinite(one) and one > 0 for one in sampling):
        raise InputError(f"{kind}: sampling={tuple(sampling)} of the {name}; expected lengths above 0, in metres.")


def _check_unit(kind: str, name: str, unit: Any) -> None:
    if not isinstance(unit, str):
        raise InputError(f'{kind}: unit={unit!r} of the {name}; expected a text, as "rad", or "" for none.')


def _check_mask(kind: str, name: str, array: Any, wanted: tuple[int, ...]) -> None:
    if array is None:
        return
    if np.shape(array) != wanted:
        raise InputError(f"{kind}: {name} has the shape {np.shape(array)}; expected {wanted} as the image.")
    if np.asarray(array).dtype != bool:
        raise InputError(
            f"{kind}: {name} holds {np.asarray(array).dtype} numbers; expected True and False, as {name} > 0.5."
        )


def _check_positions(kind: str, positions: Positions) -> None:
    shape = np.shape(positions.corner)
    if shape[1:] != (2,):
        raise InputError(f"{kind}: the corner of its positions has the shape {shape}; expected (index, 2).")
    corner = np.asarray(positions.corner)
    if corner.dtype.kind not in "iuf" or not np.all(np.isfinite(corner)):
        raise InputError(f"{kind}: the corner of its positions is no finite real number; expected pixels of the image.")
    for name in ("corrections", "nominal", "offset"):
        array = getattr(positions, name)
        if array is not None and np.shape(array) != shape:
            raise InputError(
                f"{kind}: {name} of its positions has the shape {np.shape(array)}, and the corner {shape}; "
                "expected the same."
            )


def _check_corners(kind: str, roles: Roles) -> None:
    """Refuse windows of the illumination that leave a flat image."""
    image, beam, places = roles.image, roles.illumination, roles.positions
    if image is None or beam is None or places is None or tuple(image.axes) != tuple(beam.axes):
        return
    shape, window, corners = np.shape(image.array)[-2:], np.shape(beam.array)[-2:], np.asarray(places.corner)
    first = first_pixels(corners)
    leaves = np.any((first < 0) | (first + window > shape), axis=1)
    if leaves.any():
        place = int(np.argmax(leaves))
        raise InputError(
            f"{kind}: from its corner {corners[place].tolist()} (y, x), position {place}, an illumination of {window} "
            f"pixels leaves the image, which has {shape}; of {len(leaves):,} positions {np.count_nonzero(leaves):,} do."
        )


def _named(value: object) -> str:
    if value is None:
        return "nothing"
    return "an array" if isinstance(value, jax.Array | np.ndarray) else f"a {type(value).__name__}"
