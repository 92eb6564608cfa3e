"""Noise models: how measured photons scatter about the expected ones.

Each is one class with the misfit that a reconstruction minimises, the information a pixel carries
(the weight of Gauss and Newton) and the samples that a simulation draws, so that these cannot disagree.
"""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Real

from ptychograd._errors import InputError


class AbstractNoise(eqx.Module):
    """Misfit, information and samples of one noise model; all act on each pixel alone."""

    @property
    @abc.abstractmethod
    def curvature(self) -> float:
        """Largest mean second derivative of `nll` along the amplitude √h, that of `Amplitude` being 1."""

    @abc.abstractmethod
    def nll(self, expected: Float[Array, "*shape"], measured: Real[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Misfit of every pixel: the negative log-likelihood but for a constant factor and offset."""

    @abc.abstractmethod
    def fisher(self, expected: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Mean second derivative of `nll` with respect to the expected photons."""

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray, expected: Float[Array, "*shape"]) -> Real[Array, "*shape"]:
        """Photons that one exposure might count."""


class Amplitude(AbstractNoise):
    """Gaussian noise of constant variance 1/4 on the square root of the counts: (√y - √h)² (Eqs. 5, 7)."""

    @property
    def curvature(self):
        return 1.0

    def nll(self, expected, measured):
        return (amplitude(expected) - amplitude(measured.astype(expected.dtype))) ** 2

    def fisher(self, expected):
        return 1 / (2 * jnp.maximum(expected, jnp.finfo(expected.dtype).tiny))

    def sample(self, key, expected):
        return (amplitude(expected) + jax.random.normal(key, expected.shape, expected.dtype) / 2) ** 2


class Poisson(AbstractNoise):
    """Photon counting: h + f - y + y log(y / (h + f)) for the expectation h and the count y.

    The `floor` f acts as that much background, in photons a pixel: it keeps value and gradient finite
    and bounds how much a single photon can pull where the model is dark, and it shifts the best h by
    -f. Start from a solution for `Amplitude`: far from one, single photons in dark pixels lead astray.
    """

    floor: float = 0.03

    def __check_init__(self):
        if isinstance(self.floor, float) and not self.floor > 0:
            raise InputError(f"Poisson's floor is {self.floor} photons; expected more than 0, as 0.03.")

    @property
    def curvature(self):
        return 2.0

    def nll(self, expected, measured):
        counts, mean = measured.astype(expected.dtype), expected + self.floor
        return mean - counts + jax.scipy.special.xlogy(counts, jnp.maximum(counts, 1e-30) / mean)

    def fisher(self, expected):
        return expected / (expected + self.floor) ** 2

    def sample(self, key, expected):
        return jax.random.poisson(key, expected)


def amplitude(photons: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """√photons with a gradient of zero, not infinity, where there is no photon.

    A wave of exactly zero has no phase, and so no direction in which to grow.
    """
    bright = photons >= jnp.finfo(photons.dtype).tiny
    return jnp.where(bright, jnp.sqrt(jnp.where(bright, photons, 1)), 0)


def counted_residual(expected: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """E[(√y - √h)²] of photon counts y about their expectation h: 2h when it is dark, 1/4 when it is bright.

    A rational function of √h, fitted to the sum over the Poisson distribution; it is right to 0.12 %.
    """
    s = jnp.minimum(amplitude(expected), 100)
    above = 2 + s * (-1.530834 + s * (1.191494 + s * (-0.6924539 + s * 0.2408988)))
    below = s * (-1.766748 + s * (3.693686 + s * (-2.729420 + s * 4 * 0.2408988)))
    below = 1 + s * (0.1987466 + s * (1.308275 + below))
    return s**2 * above / below
