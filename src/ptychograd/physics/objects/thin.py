"""Objects so thin that they multiply the wave."""

import abc
from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int, Shaped

from ptychograd.core.overriding import is_own
from ptychograd.core.windows import extract_window
from ptychograd.physics.objects.base import AbstractObject
from ptychograd.physics.objects.magnitude import AbstractMagnitude, AnyMagnitude, begun_with, with_known
from ptychograd.physics.roles import PRODUCT, Image


class AbstractThinObject(AbstractObject):
    """Base class of objects so thin that they multiply the wave: ψ = P · S_j O (Eq. 3)."""

    transmission: eqx.AbstractVar[Complex[Array, "height width"]]
    magnitude: eqx.AbstractVar[AbstractMagnitude]

    def __call__(self, wave, corner):
        return wave * self.patch(corner, (wave.shape[-2], wave.shape[-1]))[None]

    @abc.abstractmethod
    def patch(self, corner: Int[Array, "2"], shape: tuple[int, int]) -> Complex[Array, "y x"]:
        """S_j O, the transmission under the window."""

    @abc.abstractmethod
    def free(self, corner: Int[Array, "2"], shape: tuple[int, int]) -> Float[Array, "y x"] | float:
        """1 where the transmission under the window is unknown, 0 where it is given."""

    def image(self, sampling):
        return Image(self.transmission, sampling=sampling, outside=1.0, gauge=PRODUCT)

    @property
    def has_diagonal(self):
        return True

    def surrogate(self):
        return eqx.tree_at(lambda part: part.magnitude, self, self.magnitude.surrogate())

    def gauge_fixed(self):
        return () if self.magnitude.is_free else ({"transmission": self.magnitude(self.transmission)},)

    def with_magnitude(self, magnitude):
        return with_known(self, magnitude)

    def continued(self, transmission):
        return begun_with(self, transmission)


class ThinObject(AbstractThinObject):
    """An object so thin that it multiplies the wave, unknown everywhere.

    Args:
        transmission: O, (height, width), in object pixels.
        magnitude: what is known about the magnitude of the transmission; by default nothing.

    Example:
        >>> import jax.numpy as jnp
        >>> pg.physics.ThinObject(jnp.ones((53, 47), complex), pg.physics.UnitMagnitude()).scale_power
        0
    """

    transmission: Complex[Array, "height width"]
    magnitude: AbstractMagnitude = AnyMagnitude()

    def patch(self, corner, shape):
        return self.magnitude(extract_window(self.transmission, corner, shape))

    def free(self, corner, shape):
        return 1.0

    @property
    def scale_power(self):
        return 1 if self.magnitude.is_free else 0

    def as_thin(self, what):
        return self

    def with_support(self, support):
        if is_own(self):  # its call would be lost
            return super().with_support(support)
        return SupportedObject(self.transmission, support=support, magnitude=self.magnitude)

    def in_larger_array(self, margins):
        return replace(self, transmission=jnp.asarray(np.pad(np.asarray(self.transmission), margins, mode="edge")))

    def on_finer_pixels(self, finer):
        return replace(self, transmission=jnp.asarray(_divided(self.transmission, finer)))


class SupportedObject(AbstractThinObject):
    """An object so thin that it multiplies the wave, inside a known support; outside of it the transmission is 1.

    The bright surround fixes scale, phase, position and phase ramp of the object (A. Fannjiang, Inverse Problems 35,
    045006 (2019)). `pg.models.with_support` makes one of a thin object.

    Args:
        transmission: O, (height, width), in object pixels.
        support: True where the object is unknown, (height, width).
        magnitude: what is known about the magnitude of the transmission inside; by default nothing.

    Example:
        >>> import jax.numpy as jnp
        >>> inside = np.zeros((53, 47), bool)
        >>> inside[5:-5, 5:-5] = True
        >>> pg.physics.SupportedObject(model.object.transmission, jnp.asarray(inside)).scale_power
        0
    """

    transmission: Complex[Array, "height width"]
    support: Bool[Array, "height width"]
    magnitude: AbstractMagnitude = AnyMagnitude()

    def patch(self, corner, shape):
        free = extract_window(self.support, corner, shape)
        return jnp.where(free, self.magnitude(extract_window(self.transmission, corner, shape)), 1)

    def image(self, sampling):
        return Image(self.transmission, sampling=sampling, support=self.support, outside=1.0, gauge=())

    def free(self, corner, shape):
        return extract_window(self.support, corner, shape).astype(self.transmission.real.dtype)

    def as_thin(self, what):
        return self

    def with_support(self, support):
        return replace(self, support=support)

    def in_larger_array(self, margins):
        around = np.pad(np.asarray(self.transmission), margins, constant_values=1)
        inside = np.pad(np.asarray(self.support), margins)
        return replace(self, transmission=jnp.asarray(around), support=jnp.asarray(inside))

    def on_finer_pixels(self, finer):
        transmission, support = (jnp.asarray(_divided(array, finer)) for array in (self.transmission, self.support))
        return replace(self, transmission=transmission, support=support)


def _divided(image: Shaped[Array, "y x"], finer: int) -> Shaped[np.ndarray, "Y X"]:
    return np.repeat(np.repeat(np.asarray(image), finer, axis=-2), finer, axis=-1)
