"""What an object does beside the ideal: it is thick, it moves, and something is known about it."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from ptychograd.core.errors import InputError, check_seed
from ptychograd.core.strict import meant
from ptychograd.models.effects.common import checked, count_of, lengths, with_part
from ptychograd.physics.model import AbstractModel, Ptychography
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

PHASE_STEP = 0.02  # radians at half of the highest frequency, that a step of the distance makes
STATE_SHARE = 0.5  # of the power of the first state, in each other as it starts


@meant
def with_slices(model: AbstractModel, count: int, distance: float) -> Ptychography:
    """An object of `count` slices, `distance` metres apart, among which the start is divided evenly.

    Raises `InputError` without lengths in metres, and for a distance that aliases on these pixels.
    """
    whole = checked(model, "Slices")
    object = _thin(whole, "Slices")
    sampling, wavelength = lengths(whole, "Slices")
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
    """An object in `count` incoherent states: the start, and others with half of its power and phases by chance."""
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
    """An object of whose transmission's magnitude something is known (see `UnitMagnitude`, `BoundedMagnitude`)."""
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
    """An object that transmits 1 outside of `support`, which has the shape of the object's array."""
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
