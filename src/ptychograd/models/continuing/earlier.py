"""What is taken from an earlier result, and where its object lies."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from ptychograd.core.errors import InputError
from ptychograd.core.resampling import NewPixels
from ptychograd.data.dataset import Dataset, positions_of
from ptychograd.physics.ptychography import Ptychography
from ptychograd.physics.roles import Illumination, Image, Positions, Roles, nominal_of


class EarlierResult(NamedTuple):
    """What of an earlier result a new start is made of.

    Args:
        roles: its image, illumination and positions, as `result.roles`.
        positions: nominal positions of its data, (index, (y, x)), as `result.positions`: in metres where its image has
            a sampling, else in object pixels; None if its data had none.

    Example:
        >>> earlier = pg.models.EarlierResult(result.roles, result.positions)
        >>> earlier.roles.image.array.shape, earlier.positions.shape
        ((53, 47), (56, 2))
    """

    roles: Roles
    positions: Float[np.ndarray, "index 2"] | None = None

    @property
    def image(self) -> Image:
        """Its object."""
        return _required(self.roles.image, "image")

    @property
    def illumination(self) -> Illumination:
        """Its probe."""
        return _required(self.roles.illumination, "illumination")

    @property
    def places(self) -> Positions:
        """Where its windows are."""
        return _required(self.roles.positions, "positions")

    @property
    def modes(self) -> Complex[np.ndarray, "modes y x"]:
        """Its probe, in double precision."""
        modes = np.asarray(self.illumination.array, np.complex128)
        return modes if modes.ndim == 3 else modes[None]

    @property
    def layers(self) -> Complex[np.ndarray, "*layers y x"]:
        """Its object with what is known outside of a support, in double precision."""
        values, support = np.asarray(self.image.array, np.complex128), self.image.support
        if support is None:
            return values
        outside = np.full(values.shape, self.image.outside, np.complex128)
        if values.ndim > np.ndim(support) and self.image.layers == "states":
            outside[1:] = 0
        return np.where(np.asarray(support), values, outside)

    @property
    def each_position(self) -> Float[np.ndarray, "place 2"]:
        """Nominal positions of its windows, in the unit of its data; of rocking curves one for each."""
        if self.positions is None:
            raise InputError("The earlier result has no positions of its data, which tell where its object is.")
        count = len(nominal_of(self.places))
        if not count or len(self.positions) % count:
            raise InputError(f"The earlier result has {count} windows and {len(self.positions)} positions.")
        return np.asarray(self.positions, np.float64)[:: len(self.positions) // count]


class Plane(NamedTuple):
    """Pixels of an object's array: where the first one is, and how large they are (y, x), in metres or in pixels."""

    origin: Float[np.ndarray, "2"]
    pixel: Float[np.ndarray, "2"]
    shape: tuple[int, int]

    def seen_from(self, other: "Plane") -> tuple[NewPixels, NewPixels]:
        """These pixels along y and x, in pixels of the other plane."""
        first, step = (self.origin - other.origin) / other.pixel, self.pixel / other.pixel
        rows, columns = (NewPixels(n, float(f), float(s)) for n, f, s in zip(self.shape, first, step, strict=True))
        return rows, columns


def planes(model: Ptychography, data: Dataset, earlier: EarlierResult) -> tuple[Plane, Plane]:
    """The plane of the model's object, and that of the earlier one.

    A position is that of the beam's axis, the middle pixel n // 2 of the window; where both objects have a known
    surround, that of the window's corner in its array.
    """
    pixels = model.sampling, earlier.image.sampling
    if (pixels[0] is None) != (pixels[1] is None):
        known, unknown = ("data", "earlier result") if pixels[1] is None else ("earlier result", "data")
        raise InputError(
            f"The {known} give lengths in metres and the {unknown} in pixels only, so nothing tells where the earlier "
            "object is; give wavelength, distance and pixel size for both."
        )
    image = model.roles().image
    is_anchored = image is not None and image.support is not None and earlier.image.support is not None
    windows = (
        [np.zeros(2, int)] * 2 if is_anchored else [np.array(model.frame_shape), np.array(earlier.modes.shape[1:])]
    )
    places = model.scan.places(), earlier.places
    positions = positions_of(data), earlier.each_position
    shapes = np.shape(image.array if image is not None else ())[-2:], np.shape(earlier.image.array)[-2:]
    first, second = (
        _plane(positions[k], nominal_of(places[k]), np.array(pixels[k] or (1.0, 1.0)), windows[k], shapes[k])
        for k in range(2)
    )
    return first, second


def _plane(
    positions: Float[np.ndarray, "place 2"],
    nominal: Float[np.ndarray, "place 2"],
    pixel: Float[np.ndarray, "2"],
    window: np.ndarray,
    shape: tuple[int, ...],
) -> Plane:
    first = np.mean(positions - nominal * pixel, axis=0) - window // 2 * pixel
    return Plane(first, pixel, (int(shape[0]), int(shape[1])))


def _required(role, name: str):
    if role is None:
        raise InputError(f"The earlier result has no {name}, as its model names none; a start can't be made of it.")
    return role
