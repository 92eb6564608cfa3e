"""What is known about the magnitude of a transmission: a map of every pixel for itself."""

import abc
from typing import Any, ClassVar, TypeVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import with_derivative
from ptychograd.core.strict import as_complex

Object = TypeVar("Object", bound=Any)  # an object with a transmission and a magnitude
DARK = 1e-6  # magnitude without a phase to speak of


class AbstractMagnitude(eqx.Module):
    """Base class of what is known about the magnitude of a transmission, pixel by pixel.

    A subclass gives the call: from any transmission to an allowed one of the same phase; an allowed one stays as it is.
    `is_free` says that every magnitude is allowed.
    """

    is_free: ClassVar[bool] = False

    @abc.abstractmethod
    def __call__(self, transmission: Complex[Array, "*lead y x"]) -> Complex[Array, "*lead y x"]:
        """The transmission with a magnitude that is allowed, and the same phase."""

    def surrogate(self) -> "AbstractMagnitude":
        """The same transmission with the derivative of a free one, for step sizes."""
        return self if self.is_free else _Straight(self)


class AnyMagnitude(AbstractMagnitude):
    """Allows every magnitude, at no cost: the default of all objects.

    Example:
        >>> pg.physics.ThinObject(model.object.transmission).magnitude
        AnyMagnitude()
    """

    is_free = True

    def __call__(self, transmission):
        return transmission


class UnitMagnitude(AbstractMagnitude):
    """A magnitude of 1 everywhere, for an object that shifts the phase and absorbs nothing; a dark pixel (0) becomes 1.

    Put it into a model with `pg.models.with_magnitude`.

    Example:
        >>> pg.physics.ThinObject(model.object.transmission, pg.physics.UnitMagnitude()).magnitude
        UnitMagnitude()
    """

    def __call__(self, transmission):
        illuminated = jnp.where(_power(transmission) > DARK**2, transmission, 1)
        return illuminated / as_complex(jnp.sqrt(_power(illuminated)))


class BoundedMagnitude(AbstractMagnitude):
    """A magnitude that is not above a bound, as 1 for an object that can't amplify a wave.

    Derivatives are those of a free transmission (projected gradients), so that a pixel at the bound finds its way back.
    Put it into a model with `pg.models.with_magnitude`.

    Args:
        most: the largest magnitude allowed.

    Raises:
        InputError: for a bound that is not above zero, or infinite.

    Example:
        >>> pg.physics.ThinObject(model.object.transmission, pg.physics.BoundedMagnitude(1.0)).magnitude
        BoundedMagnitude(most=1.0)
    """

    most: float = eqx.field(default=1.0, static=True)

    def __check_init__(self):
        if not 0 < self.most < float("inf"):
            raise InputError(f"A magnitude of at most {self.most:g}; expected a number above zero, as 1.")

    def __call__(self, transmission):
        factor = jnp.minimum(1, self.most / jnp.sqrt(_power(transmission) + DARK**2))
        return with_derivative(transmission * as_complex(factor), transmission)


def with_known(object: Object, magnitude: AbstractMagnitude) -> Object:
    """An object with fields `transmission` and `magnitude`, of which so much is known."""
    return eqx.tree_at(
        lambda part: (part.transmission, part.magnitude), object, (magnitude(object.transmission), magnitude)
    )


def begun_with(object: Object, transmission: Complex[np.ndarray, "*lead y x"]) -> Object:
    """An object with these fields that begins with this transmission, as far as its magnitude allows."""
    found = jnp.asarray(transmission, object.transmission.dtype)
    found = found if object.magnitude.is_free else object.magnitude(found)
    return eqx.tree_at(lambda part: part.transmission, object, found)


class _Straight(AbstractMagnitude):
    magnitude: AbstractMagnitude

    def __call__(self, transmission):
        return with_derivative(self.magnitude(transmission), transmission)


def _power(transmission: Complex[Array, "*lead y x"]) -> Float[Array, "*lead y x"]:
    return transmission.real**2 + transmission.imag**2
