"""What an object does beside the ideal: it is thick, it moves, and something is known about it."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from ptychograd.core.errors import InputError, check_seed
from ptychograd.core.strict import meant
from ptychograd.models.effects.common import Model, answered, checked, count_of, lengths, object_of, with_part
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.objects import (
    AbstractMagnitude,
    AbstractObject,
    AbstractThinObject,
    MixedObject,
    MultisliceObject,
)
from ptychograd.physics.objects.multislice import in_slices
from ptychograd.physics.propagators import angular_spectrum_rate, check_angular_spectrum
from ptychograd.physics.ptychography import Ptychography

PHASE_STEP = 0.02  # radians at half of the highest frequency, that a step of the distance makes
STATE_SHARE = 0.5  # of the power of the first state, in each other as it starts


@meant
def with_slices(model: AbstractModel, count: int, distance: float) -> Ptychography:
    """Make the object thick: `count` slices with free space between them, among which the start is divided evenly.

    Args:
        model: a far-field or near-field model of a thin object, with lengths in metres.
        count: slices, 1 or more.
        distance: from one slice to the next, in metres; refined by the name "object.distance".

    Raises:
        InputError: no lengths in metres, an object that is not thin any more, or a distance that is not above 0 or
            aliases on these pixels.

    Example:
        >>> geometry = pg.Geometry(wavelength=1.5e-10, distance=2.0, pixel_size=(75e-6, 75e-6))
        >>> scan = pg.make_dataset(np.ones((2, 16, 20)), [[0, 0], [0, 1e-6]], geometry=geometry)
        >>> pg.models.with_slices(pg.far_field(scan), 3, 1e-6).object.transmission.shape
        (3, 16, 25)
    """
    whole = checked(model, "Slices")
    object = answered(whole.object.as_thin("Slices"), AbstractThinObject, whole.object, "as_thin")
    sampling, wavelength = lengths(whole, "A thick object")
    if not 0 < distance < np.inf:
        raise InputError(f"Slices {distance:g} m apart; expected a distance above zero in metres.")
    check_angular_spectrum(whole.frame_shape, sampling, wavelength, distance)
    rate = angular_spectrum_rate(whole.frame_shape, sampling, wavelength)
    halfway = np.pi * wavelength / 16 * sum(1 / pixel**2 for pixel in sampling)
    start, real = np.asarray(object.transmission, complex), object.transmission.real.dtype
    slices = MultisliceObject(
        transmission=jnp.asarray(in_slices(start, count_of(count, "slices")), object.transmission.dtype),
        distance=jnp.asarray(distance, real),
        rate=rate.astype(real),
        distance_step=float(PHASE_STEP / halfway),
        magnitude=object.magnitude,
        support=_support(object),
    )
    return with_part(whole, "object", slices)


@meant
def with_object_modes(model: Model, count: int, seed: int = 0) -> Model:
    """Put the object into `count` incoherent states whose patterns add up, as of a sample that moves in an exposure.

    The first state is the start; each other has half of its power, and phases by chance. Together they have the power
    of the start.

    Args:
        model: a far-field or near-field model of a thin object of which no magnitude is known, or one of your own with
            a field `object`, a `pg.physics.AbstractObject` that its call goes through.
        count: states, 1 or more.
        seed: of the phases.

    Raises:
        InputError: an object that is not thin any more, has a known magnitude, or is 0 everywhere.

    Example:
        >>> pg.models.with_object_modes(model, 2).object.transmission.shape
        (2, 53, 47)
    """
    there = object_of(model, "Object modes")
    object = answered(there.as_thin("Object modes"), AbstractThinObject, there, "as_thin")
    check_seed(seed)
    if not object.magnitude.is_free:
        raise InputError("Object modes carry their shares in their magnitudes, which therefore can't be known.")
    start = np.asarray(object.transmission, complex)
    if not start.any():
        raise InputError("The object is 0 everywhere, and so would be all of its states; begin with another.")
    shape = (count_of(count, "object modes") - 1, *start.shape)
    angles = np.random.default_rng([seed, 3]).uniform(0, 2 * np.pi, shape)
    states = np.concatenate([start[None], np.sqrt(STATE_SHARE) * start * np.exp(1j * angles)])
    states /= np.sqrt(1 + STATE_SHARE * (count - 1))
    mixed = MixedObject(jnp.asarray(states, object.transmission.dtype), _support(object))
    return with_part(model, "object", mixed)


@meant
def with_magnitude(model: Model, magnitude: AbstractMagnitude) -> Model:
    """Tell the model what is known of the magnitude of the object's transmission.

    Args:
        model: a far-field or near-field model, of a thin object or of slices; or one of your own with a field `object`,
            a `pg.physics.AbstractObject` that its call goes through.
        magnitude: what is known, as `UnitMagnitude()` or a `BoundedMagnitude` of `pg.physics`.

    Raises:
        InputError: something else in the place of a magnitude, or an object that it can't go into.

    Example:
        >>> pg.models.with_magnitude(model, pg.physics.UnitMagnitude()).object.magnitude
        UnitMagnitude()
    """
    object = object_of(model, "A known magnitude")
    if not isinstance(magnitude, AbstractMagnitude):
        raise InputError(
            f"{type(magnitude).__name__} says nothing of a magnitude; expected UnitMagnitude() or another."
        )
    allowed = answered(object.with_magnitude(magnitude), AbstractObject, object, "with_magnitude")
    return with_part(model, "object", allowed)


@meant
def with_support(model: Model, support: Bool[Array | np.ndarray, "height width"] | Sequence) -> Model:
    """Tell the model where the object is: outside of the support it transmits 1.

    Args:
        model: a far-field or near-field model, or one of your own with a field `object`, a `pg.physics.AbstractObject`
            that its call goes through.
        support: True where the object is unknown, with the shape (Y, X) of the object's array, in object pixels.

    Raises:
        InputError: a support of another shape, or an empty one.

    Example:
        >>> inside = np.zeros((53, 47), bool)
        >>> inside[10:40, 10:40] = True
        >>> int(pg.models.with_support(model, inside).object.support.sum())
        900
    """
    object, support = object_of(model, "A support"), np.asarray(support).astype(bool)
    image = object.image(None)
    shape = support.shape if image is None else np.shape(image.array)[-2:]
    if support.shape != shape:
        raise InputError(f"The support has {support.shape} pixels and the object {shape}; expected the same.")
    if not support.any():
        raise InputError("The support is empty; expected some pixels in which the object is unknown.")
    inside = answered(object.with_support(jnp.asarray(support)), AbstractObject, object, "with_support")
    return with_part(model, "object", inside)


def _support(object: AbstractThinObject) -> Bool[Array, "height width"] | None:
    image = object.image(None)
    return None if image is None or image.support is None else jnp.asarray(image.support)
