"""What the arrays of a model mean to a person: which is the image, which the illumination, which the positions."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, PyTree

from ptychograd.core.parameters import named_leaves

PRODUCT = ("scale", "phase", "shift", "ramp")  # what no pattern tells of an object if only P · O is seen

Values = Array | np.ndarray
Record = Mapping[str, Mapping[str, Any]]  # fields of roles, by role and field


class Image(NamedTuple):
    """The array that a person looks at: drawn, exported, compared with a truth, and judged by ring correlation.

    Args:
        array: complex or real; its last axes are those of space, and one axis may come before them (see `layers`).
        axes: names of its last axes, ("y", "x") or ("x", "y", "z").
        sampling: size of a pixel along these axes, in metres; None where only pixels are known.
        layers: what the axis before them counts: "slices", which multiply, "states", which add in intensity and are
            drawn as orthogonal ones, or another word for images that stand for themselves; empty where there is none.
        spacing: from one slice to the next, in metres; None where there are no slices.
        support: True where the array is unknown, False elsewhere, of its last axes; None for everywhere.
        outside: one real number, what it is outside of the support, 1 for a transmission and 0 for a density.
        illuminated: True where the patterns tell of it; by default that is found from illumination and positions, if
            the model has these roles too with the same axes, and the image is one of its arrays. Else it is
            everywhere, as of an image that is computed from the spectrum in which a pupil is moved.
        gauge: what no pattern can tell of it, out of "scale", "phase" (a constant one; of a real image an added
            constant), "shift" and "ramp" (a linear phase). A comparison with the truth takes out what is named, and
            pictures take out a ramp.
        unit: of its values, as "1/m"; empty for a transmission.

    Example:
        >>> import jax.numpy as jnp
        >>> pg.Image(jnp.ones((40, 48), complex), sampling=(1e-8, 1e-8)).axes
        ('y', 'x')
    """

    array: Values
    axes: tuple[str, ...] = ("y", "x")
    sampling: tuple[float, ...] | None = None
    layers: str = ""
    spacing: Values | float | None = None
    support: Values | None = None
    outside: float = 0.0
    illuminated: Values | None = None
    gauge: tuple[str, ...] = ("phase",)
    unit: str = ""


class Illumination(NamedTuple):
    """The wave or intensity that falls on the sample.

    Args:
        array: modes (modes, y, x) of a wave, or one wave (y, x).
        axes: names of its last two axes.
        sampling: size of a pixel along them, in metres; None where only pixels are known.
        unit: of its values.

    Example:
        >>> import jax.numpy as jnp
        >>> pg.physics.Illumination(jnp.ones((1, 20, 18), complex)).unit
        '√photons'
    """

    array: Values
    axes: tuple[str, ...] = ("y", "x")
    sampling: tuple[float, ...] | None = None
    unit: str = "√photons"


class Positions(NamedTuple):
    """Where the illumination's window lies on the image, for each pattern or group of patterns.

    With an `offset` that is an array of the model, positions are searched for, judged by held-out patterns, and
    compared with a truth, as those of `RefinableScan`.

    Args:
        corner: first pixel (index, 2) of the window, along the image's last two axes; between pixels too, where the
            window is then drawn from the whole pixel before.
        corrections: what was added to the nominal position (index, 2), in pixels; None where nothing can be.
        margin: pixels of the image beyond what the nominal positions cover, on every side.
        nominal: first pixel of the window and fraction of a pixel as they were given (index, 2), before corrections; by
            default `corner` without `corrections`.
        offset: the parameter that holds each pattern's own error (y, x), (index, 2), in pixels of the image.
        affine: the parameter (2, 2) that changes all positions about their middle, as in `RefinableScan`.
        drift: the parameter (terms, 2) of polynomials of the pattern's number, as in `RefinableScan`.

    Example:
        >>> model.roles().positions.corner.shape
        (56, 2)
        >>> import jax
        >>> class Shaken(pg.AbstractModel):
        ...     image: jax.Array
        ...     moves: jax.Array  # of each pattern, in pixels
        ...     def __call__(self, index): ...
        ...     def roles(self):
        ...         corner = 8 + np.round(self.moves).astype(int)
        ...         moved = pg.physics.Positions(corner, corrections=self.moves, margin=8, offset=self.moves)
        ...         return pg.Roles(pg.Image(self.image), positions=moved)
    """

    corner: Values
    corrections: Values | None = None
    margin: Values | int = 0
    nominal: Values | None = None
    offset: Values | None = None
    affine: Values | None = None
    drift: Values | None = None


class Roles(NamedTuple):
    """What the arrays of a model mean; what a model doesn't have is None.

    Pictures, exports, comparisons, ring correlation, held-out patterns and result files ask for these. A stage refines
    image and illumination by default where a model names them, and else all parameters but positions.

    Args:
        image: what a person looks at.
        illumination: what falls on it.
        positions: where that falls.

    Example:
        >>> roles = model.roles()
        >>> roles.image.array is model.object.transmission
        True
    """

    image: Image | None = None
    illumination: Illumination | None = None
    positions: Positions | None = None


CORRECTING = ("offset", "affine", "drift")  # fields of `Positions`: parameters that correct them
KINDS = {"image": Image, "illumination": Illumination, "positions": Positions}


class ByPath(NamedTuple):
    """An array of a role that is one of the model's own, by its path."""

    path: str


def plain(roles: Any) -> Any:
    """The roles with Python's numbers, words and tuples in the place of what stands for them; the rest as it is."""
    if not isinstance(roles, Roles):
        return roles
    known = {name: role for name, role in roles._asdict().items() if role is not None and isinstance(role, KINDS[name])}
    return roles._replace(**{name: role._replace(**_plain_fields(role)) for name, role in known.items()})


def _plain_fields(role: Any) -> dict[str, Any]:
    fields = role._asdict()
    found = {name: tuple(fields[name]) for name in ("axes", "gauge") if isinstance(fields.get(name), list)}
    lengths = fields.get("sampling")
    if isinstance(lengths, list | tuple) or (_is_array(lengths) and np.ndim(lengths) == 1):
        found["sampling"] = tuple(_number(one) for one in (np.asarray(lengths) if _is_array(lengths) else lengths))
    return found | ({"outside": _number(fields["outside"])} if "outside" in fields else {})


def _number(value: Any) -> Any:
    """A real number as Python has it, also of one array or of a complex one without imaginary part."""
    if isinstance(value, bool) or not isinstance(value, complex | float | int | np.number | jax.Array | np.ndarray):
        return value
    if np.ndim(value) or not np.issubdtype(np.asarray(value).dtype, np.number):
        return value
    number = complex(np.asarray(value))
    return value if number.imag else number.real


def _is_array(value: Any) -> bool:
    return isinstance(value, jax.Array | np.ndarray)


def as_record(roles: Roles) -> Record:
    """The roles as tables of their fields, by name."""
    return {name: role._asdict() for name, role in roles._asdict().items() if role is not None}


def recorded(roles: Roles, model: PyTree) -> Record:
    """The roles as a result keeps them: `ByPath` for arrays of the model, and computed ones as NumPy arrays."""
    paths = {id(leaf): path for path, leaf in named_leaves(model).items() if isinstance(leaf, jax.Array)}

    def of(value: Any) -> Any:
        if id(value) in paths:
            return ByPath(paths[id(value)])
        return np.asarray(value) if isinstance(value, jax.Array | np.ndarray) else value

    return {name: {field: of(value) for field, value in role.items()} for name, role in as_record(roles).items()}


def resolved(record: Record, arrays: Mapping[str, np.ndarray]) -> Roles:
    """Undo `recorded` with the arrays of a result; a role whose array is no longer there is None."""
    found = {}
    for name, role in record.items():
        paths = [value.path for value in role.values() if isinstance(value, ByPath)]
        if all(path in arrays for path in paths):
            values = {f: arrays[value.path] if isinstance(value, ByPath) else value for f, value in role.items()}
            found[name] = KINDS[name](**values)
    return Roles(**found)


def path_of(record: Record, name: str, field: str = "array") -> str:
    """The path of an array of a role; empty where it is computed, or where there is no such role."""
    array = record.get(name, {}).get(field)
    return array.path if isinstance(array, ByPath) else ""


def correcting(record: Record) -> dict[str, str]:
    """Paths of the parameters that correct positions, by their fields of `Positions`."""
    found = {field: path_of(record, "positions", field) for field in CORRECTING}
    return {field: path for field, path in found.items() if path}


def nominal_of(positions: Positions) -> np.ndarray:
    """Positions as they were given, (index, 2), in pixels of the image."""
    if positions.nominal is not None:
        return np.asarray(positions.nominal, np.float64)
    corner, added = np.asarray(positions.corner, np.float64), positions.corrections
    return corner if added is None else corner - np.asarray(added, np.float64)
