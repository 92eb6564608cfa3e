"""Readings that scatter by more than counting: about a given variance, or by what the electronics add.

A data set holds no reading below zero, so these models clip theirs there, and take a 0 for what it is: 0 or less.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ptychograd.core.errors import InputError
from ptychograd.core.strict import lifted
from ptychograd.physics.noise.base import AbstractCensorable, plain
from ptychograd.physics.noise.counting import counted
from ptychograd.physics.noise.tails import log_above, lost_beyond, lost_by_counting


class Gaussian(AbstractCensorable):
    """Gaussian noise about the expected photons: misfit (h - y)² / 2v.

    A data set holds no reading below zero, so samples are clipped there, and a 0 is taken for 0 or less.

    Args:
        variance: v in photons², one number or (y, x).
        brightest: the most photons that a pixel is expected to hold, one number or (y, x). It tells solvers how steep
            the misfit is along the amplitude √h, of which no bound holds for every h.

    Raises:
        InputError: for a number that is not above 0, or infinite.

    Example:
        >>> noise = pg.Gaussian(variance=25.0, brightest=5000.0)
        >>> float(noise.curvature)
        400.0
    """

    variance: Float[Array, "y x"] | Float[Array, ""] | float
    brightest: Float[Array, "y x"] | Float[Array, ""] | float

    def __check_init__(self):
        for name in ("variance", "brightest"):
            value = getattr(self, name)
            if isinstance(value, float) and not 0 < value < float("inf"):
                raise InputError(f"The {name} of Gaussian noise is {value:g}; expected a number above 0.")

    @property
    def curvature(self):
        return 2 * jnp.max(jnp.asarray(self.brightest / self.variance))

    def nll(self, expected, measured):
        measured, variance = measured.astype(expected.dtype), self._variance(expected)
        lowest = -jax.scipy.special.log_ndtr(-expected / jnp.sqrt(variance))
        return jnp.where(measured > 0, (expected - measured) ** 2 / (2 * variance), lowest)

    def fisher(self, expected):
        variance = self._variance(expected)
        return (1 - lost_beyond(expected / jnp.sqrt(variance))) / variance

    def sample(self, key, expected):
        noise = jnp.sqrt(self._variance(expected)) * jax.random.normal(key, expected.shape, expected.dtype)
        return jnp.maximum(expected + noise, 0)

    def above(self, expected, level):
        return -jax.scipy.special.log_ndtr((expected - level) / jnp.sqrt(self._variance(expected)))

    def lost(self, expected, level):
        variance = self._variance(expected)
        return lost_beyond((level - expected) / jnp.sqrt(variance)) / variance

    def _variance(self, expected: Float[Array, "*shape"]) -> Float[Array, "..."]:
        return lifted(jnp.asarray(self.variance, expected.dtype), expected)


class PoissonGaussian(AbstractCensorable):
    """Counted photons and the Gaussian noise of reading them.

    y + s² is taken for a Poisson count about h + s², which has the right mean and variance (Snyder et al., J. Opt. Soc.
    Am. A 12, 272 (1995)), and a reading of 0 or less for one of a normal variable with the same two. A data set holds
    no reading below zero, so samples are clipped there. Against readings drawn photon by photon the slope at the truth
    is off by up to 8 % of its standard deviation, where h is a few photons or less.

    Args:
        readout: s, noise of reading a pixel in photons, root-mean-square.

    Raises:
        InputError: for a number that is not above 0, or infinite.

    Example:
        >>> pg.noise.PoissonGaussian(readout=2.0).readout
        2.0
    """

    readout: float = eqx.field(converter=plain)

    def __check_init__(self):
        if isinstance(self.readout, float) and not 0 < self.readout < float("inf"):
            raise InputError(f"The readout noise is {self.readout:g} photons rms; expected more than 0, as 2.")

    @property
    def curvature(self):
        return 2.0

    def nll(self, expected, measured):
        counts, mean = measured.astype(expected.dtype) + self.readout**2, expected + self.readout**2
        seen = mean - counts + jax.scipy.special.xlogy(counts, counts / mean)
        return jnp.where(measured > 0, seen, -jax.scipy.special.log_ndtr(-self._deviations(expected)))

    def fisher(self, expected):
        return (1 - lost_beyond(self._deviations(expected))) / (expected + self.readout**2)

    def sample(self, key, expected):
        photons = counted(key, expected).astype(expected.dtype)  # from keys split off this one
        return jnp.maximum(
            photons + self.readout * jax.random.normal(jax.random.clone(key), expected.shape, expected.dtype), 0
        )

    def above(self, expected, level):
        return -log_above(*self._shifted(expected, level))

    def lost(self, expected, level):
        return lost_by_counting(*self._shifted(expected, level))

    def _shifted(self, expected: Float[Array, "*shape"], level: Float[Array, "..."]) -> tuple[Array, Array]:
        """Mean and level of the count; readings lie half a photon about it on average."""
        return expected + self.readout**2, level + self.readout**2 + 0.5

    def _deviations(self, expected: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return expected / jnp.sqrt(expected + self.readout**2)
