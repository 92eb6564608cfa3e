"""The object: from the incident wave to the exit wave."""

import abc
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float, Int

from ptychograd._parameters import AbstractPart
from ptychograd._windows import cut


class AbstractObject(AbstractPart):
    """What the incident wave passes through.

    `scale_is_free` says that a part of the object can be multiplied by a number and the probe divided by it
    without a change in any exit wave.
    """

    scale_is_free: ClassVar[bool] = False

    @abc.abstractmethod
    def __call__(self, wave: Complex[Array, "modes y x"], corner: Int[Array, "2"]) -> Complex[Array, "modes y x"]:
        """Exit wave of the incident `wave`, whose window begins at object pixel `corner` (y, x)."""


class AbstractThinObject(AbstractObject):
    """An object so thin that it multiplies the wave: ψ = P · S_j O (Eq. 3)."""

    transmission: eqx.AbstractVar[Complex[Array, "height width"]]

    def __call__(self, wave, corner):
        return wave * self.patch(corner, (wave.shape[-2], wave.shape[-1]))

    @abc.abstractmethod
    def patch(self, corner: Int[Array, "2"], shape: tuple[int, int]) -> Complex[Array, "y x"]:
        """S_j O, the transmission under the window."""

    @abc.abstractmethod
    def free(self, corner: Int[Array, "2"], shape: tuple[int, int]) -> Float[Array, "y x"] | float:
        """1 where the transmission under the window is unknown, 0 where it is given."""


class ThinObject(AbstractThinObject):
    """A thin object, free everywhere."""

    scale_is_free = True
    transmission: Complex[Array, "height width"]

    def patch(self, corner, shape):
        return cut(self.transmission, corner, shape)

    def free(self, corner, shape):
        return 1.0


class EmbeddedObject(AbstractThinObject):
    """A thin object inside a known `support`; outside of it the transmission is 1.

    The bright surround fixes scale, phase, position and ramp of the object (A. Fannjiang, Inverse
    Problems 35, 045006 (2019)).
    """

    transmission: Complex[Array, "height width"]
    support: Bool[Array, "height width"]

    def patch(self, corner, shape):
        free = cut(self.support, corner, shape)
        return jnp.where(free, cut(self.transmission, corner, shape), 1)

    def free(self, corner, shape):
        return cut(self.support, corner, shape).astype(self.transmission.real.dtype)
