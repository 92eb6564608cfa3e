"""What an object does beside the ideal: it is thick, it moves, and something is known about it."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from ptychograd.core.errors import InputError, check_seed
from ptychograd.core.strict import meant
from ptychograd.models.effects.common import checked, count_of, lengths, with_part
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.objects import (
    AbstractMagnitude,
    AbstractObject,
    AbstractThinObject,
    MixedObject,
    MultisliceObject,
    SupportedObject,
    ThinObject,
)
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
    object = _thin(whole, "Slices")
    sampling, wavelength = lengths(whole, "A thick object")
    if not 0 < distance < np.inf:
        raise InputError(f"Slices {distance:g} m apart; expected a distance above zero in metres.")
    check_angular_spectrum(whole.frame_shape, sampling, wavelength, distance)
    rate = angular_spectrum_rate(whole.frame_shape, sampling, wavelength)
    halfway = np.pi * wavelength / 16 * sum(1 / pixel**2 for pixel in sampling)
    start, real = np.asarray(object.transmission, complex), object.transmission.real.dtype
    root = np.abs(start) ** (1 / count_of(count, "slices")) * np.exp(1j * np.angle(start) / count)
    slices = MultisliceObject(
        transmission=jnp.asarray(np.broadcast_to(root, (count, *root.shape)), object.transmission.dtype),
        distance=jnp.asarray(distance, real),
        rate=rate.astype(real),
        distance_step=float(PHASE_STEP / halfway),
        magnitude=object.magnitude,
        support=_support(object),
    )
    return with_part(whole, "object", slices)


@meant
def with_object_modes(model: AbstractModel, count: int, seed: int = 0) -> Ptychography:
    """Put the object into `count` incoherent states whose patterns add up, as of a sample that moves in an exposure.

    The first state is the start; each other has half of its power, and phases by chance. Together they have the power
    of the start.

    Args:
        model: a far-field or near-field model of a thin object of which no magnitude is known.
        count: states, 1 or more.
        seed: of the phases.

    Raises:
        InputError: an object that is not thin any more, has a known magnitude, or is 0 everywhere.

    Example:
        >>> pg.models.with_object_modes(model, 2).object.transmission.shape
        (2, 53, 47)
    """
    whole = checked(model, "Object modes")
    object = _thin(whole, "Object modes")
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
    return with_part(whole, "object", mixed)


@meant
def with_magnitude(model: AbstractModel, magnitude: AbstractMagnitude) -> Ptychography:
    """Tell the model what is known of the magnitude of the object's transmission.

    Args:
        model: a far-field or near-field model, of a thin object or of slices.
        magnitude: what is known, as `UnitMagnitude()` or a `BoundedMagnitude` of `pg.physics`.

    Raises:
        InputError: something else in the place of a magnitude, or an object that it can't go into.

    Example:
        >>> pg.models.with_magnitude(model, pg.physics.UnitMagnitude()).object.magnitude
        UnitMagnitude()
    """
    whole = checked(model, "A known magnitude")
    object = whole.object
    if not isinstance(magnitude, AbstractMagnitude):
        raise InputError(
            f"{type(magnitude).__name__} says nothing of a magnitude; expected UnitMagnitude() or another."
        )
    if not isinstance(object, (AbstractThinObject, MultisliceObject)):
        raise InputError(f"A known magnitude can't go into {type(object).__name__}; it is for thin objects and slices.")
    allowed = eqx.tree_at(
        lambda part: (part.transmission, part.magnitude), object, (magnitude(object.transmission), magnitude)
    )
    return with_part(whole, "object", allowed)


@meant
def with_support(model: AbstractModel, support: Bool[Array | np.ndarray, "height width"] | Sequence) -> Ptychography:
    """Tell the model where the object is: outside of the support it transmits 1.

    Args:
        model: a far-field or near-field model.
        support: True where the object is unknown, with the shape (Y, X) of the object's array, in object pixels.

    Raises:
        InputError: a support of another shape, or an empty one.

    Example:
        >>> inside = np.zeros((53, 47), bool)
        >>> inside[10:40, 10:40] = True
        >>> int(pg.models.with_support(model, inside).object.support.sum())
        900
    """
    whole = checked(model, "A support")
    support = np.asarray(support).astype(bool)
    object, shape = whole.object, _transmission(whole.object).shape[-2:]
    if support.shape != shape:
        raise InputError(f"The support has {support.shape} pixels and the object {shape}; expected the same.")
    if not support.any():
        raise InputError("The support is empty; expected some pixels in which the object is unknown.")
    known = jnp.asarray(support)
    if isinstance(object, AbstractThinObject):
        return with_part(
            whole, "object", SupportedObject(object.transmission, support=known, magnitude=object.magnitude)
        )
    return with_part(whole, "object", eqx.tree_at(lambda part: part.support, object, known, is_leaf=_is_none))


def _thin(model: Ptychography, what: str) -> AbstractThinObject:
    if not isinstance(model.object, (ThinObject, SupportedObject)):
        raise InputError(f"{what} can't be combined with {type(model.object).__name__}; take one of the two.")
    return model.object


def _support(object: AbstractThinObject) -> Bool[Array, "height width"] | None:
    return object.support if isinstance(object, SupportedObject) else None


def _transmission(object: AbstractObject) -> Array:
    if not isinstance(object, (AbstractThinObject, MultisliceObject, MixedObject)):
        raise InputError(f"A support can't go into {type(object).__name__}.")
    return object.transmission


def _is_none(node: object) -> bool:
    return node is None
