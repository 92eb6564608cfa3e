"""The roles of a model's arrays, as a result keeps them: by path where they are arrays of the model."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool

from ptychograd.core.errors import InputError
from ptychograd.core.illumination import illuminated_pixels
from ptychograd.physics.roles import KINDS, ByPath, Image, Record, Roles


def seen(image: Image) -> np.ndarray:
    """The image with what is known outside of its support; there states but the first are 0."""
    values, support = np.asarray(image.array), image.support
    if support is None:
        return values
    outside = np.full(values.shape, image.outside)
    if values.ndim > np.ndim(support) and image.layers == "states":
        outside[1:] = 0
    return np.where(support, values, outside).astype(values.dtype)


def pixels_with_data(roles: Roles, places: Bool[np.ndarray, " group"] | None = None) -> Bool[np.ndarray, "..."]:
    """Pixels of the image that patterns tell of: as its role says, or where the illumination was.

    Of a volume, and where the illumination has other axes, its support. `places` are the positions that had light, by
    default all.
    """
    image, beam, scan = roles.image, roles.illumination, roles.positions
    if image is None:
        raise InputError("A model that names no image has no pixels that patterns tell of.")
    if image.illuminated is not None:
        return np.asarray(image.illuminated, bool)
    support = None if image.support is None else np.asarray(image.support)
    shape = np.shape(image.array)[-len(image.axes) :]
    if len(shape) != 2 or beam is None or scan is None or tuple(beam.axes) != tuple(image.axes):
        return np.ones(shape, bool) if support is None else support
    corners = np.asarray(scan.corner) if places is None else np.asarray(scan.corner)[places]
    modes = np.asarray(beam.array)
    return illuminated_pixels(shape, corners, modes if modes.ndim == 3 else modes[None], support)


def described(record: Record) -> tuple[dict[str, dict], dict[str, np.ndarray]]:
    """What of recorded roles goes into JSON, and computed arrays by "role.field"."""
    texts, computed = {}, {}
    for name, role in record.items():
        texts[name] = {}
        for field, value in role.items():
            if isinstance(value, np.ndarray):
                computed[f"{name}.{field}"] = value
            elif value is not None:
                texts[name][field] = {"path": value.path} if isinstance(value, ByPath) else value
    return texts, computed


def from_description(texts: Mapping[str, Mapping], computed: Mapping[str, np.ndarray]) -> Record:
    """Undo `described`; raises `InputError` for what describes no roles."""
    record = {}
    for name, kind in KINDS.items():
        place = f"{name}."
        there = {field: _plain(value) for field, value in texts.get(name, {}).items() if field in kind._fields}
        there |= {field: computed[place + field] for field in kind._fields if place + field in computed}
        if there and kind._fields[0] not in there:
            raise InputError(f"its role {name} has no {kind._fields[0]}")
        if there:
            record[name] = there
    return record


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return ByPath(str(value.get("path")))
    return tuple(value) if isinstance(value, list) else value
