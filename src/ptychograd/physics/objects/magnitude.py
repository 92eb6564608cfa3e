"""What is known about the magnitude of a transmission: a map of every pixel for itself."""

import abc
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import with_derivative
from ptychograd.core.strict import as_complex

DARK = 1e-6  # magnitude without a phase to speak of


class AbstractMagnitude(eqx.Module):
    """From what is refined to a transmission that can be; the map of what it gives is the identity.

    `is_free` says that nothing is asked for.
    """

    is_free: ClassVar[bool] = False

    @abc.abstractmethod
    def __call__(self, transmission: Complex[Array, "*lead y x"]) -> Complex[Array, "*lead y x"]:
        """The transmission with a magnitude that is allowed, and the same phase."""

    def surrogate(self) -> "AbstractMagnitude":
        """The same transmission with the derivative of a free one: for step sizes."""
        return self if self.is_free else _Straight(self)


class AnyMagnitude(AbstractMagnitude):
    """Every magnitude, at no cost."""

    is_free = True

    def __call__(self, transmission):
        return transmission


class UnitMagnitude(AbstractMagnitude):
    """A magnitude of 1 everywhere: an object that shifts the phase and absorbs nothing. What is dark becomes 1."""

    def __call__(self, transmission):
        illuminated = jnp.where(_power(transmission) > DARK**2, transmission, 1)
        return illuminated / as_complex(jnp.sqrt(_power(illuminated)))


class BoundedMagnitude(AbstractMagnitude):
    """A magnitude of at most `most`; 1 for an object that can't amplify a wave.

    Derivatives are those of a free transmission (projected gradients): a pixel at the bound must find its way back.
    """

    most: float = eqx.field(default=1.0, static=True)

    def __check_init__(self):
        if not 0 < self.most < float("inf"):
            raise InputError(f"A magnitude of at most {self.most:g}; expected a number above zero, as 1.")

    def __call__(self, transmission):
        factor = jnp.minimum(1, self.most / jnp.sqrt(_power(transmission) + DARK**2))
        return with_derivative(transmission * as_complex(factor), transmission)


class _Straight(AbstractMagnitude):
    magnitude: AbstractMagnitude

    def __call__(self, transmission):
        return with_derivative(self.magnitude(transmission), transmission)


def _power(transmission: Complex[Array, "*lead y x"]) -> Float[Array, "*lead y x"]:
    return transmission.real**2 + transmission.imag**2
