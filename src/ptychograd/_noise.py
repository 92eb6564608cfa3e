"""Noise models: how measured photons scatter about the expected ones.

Each is one class with the misfit that a reconstruction minimises, the information a pixel carries
(the weight of Gauss and Newton) and the samples that a simulation draws, so that these cannot disagree.
"""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Real

POISSON_FLOOR = 1e-6  # photons a pixel: keeps the logarithm finite where the model is dark


class AbstractNoise(eqx.Module):
    """Misfit, information and samples of one noise model; all act on each pixel alone."""

    @abc.abstractmethod
    def nll(
        self, expected: Float[Array, "*shape"], measured: Real[Array, "*shape"]
    ) -> Float[Array, "*shape"]:
        """Misfit of every pixel: the negative log-likelihood but for a constant factor and offset."""

    @abc.abstractmethod
    def fisher(self, expected: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Mean second derivative of `nll` with respect to the expected photons."""

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray, expected: Float[Array, "*shape"]) -> Real[Array, "*shape"]:
        """Photons that one exposure might count."""


class Amplitude(AbstractNoise):
    """Gaussian noise of constant variance 1/4 on the square root of the counts: (√y - √h)² (Eqs. 5, 7)."""

    def nll(self, expected, measured):
        return (amplitude(expected) - amplitude(measured.astype(expected.dtype))) ** 2

    def fisher(self, expected):
        return 1 / (2 * jnp.maximum(expected, jnp.finfo(expected.dtype).tiny))

    def sample(self, key, expected):
        return (amplitude(expected) + jax.random.normal(key, expected.shape, expected.dtype) / 2) ** 2


class Poisson(AbstractNoise):
    """Photon counting: h - y + y log(y/h), zero where model and measurement agree.

    An expectation below `POISSON_FLOOR` photons counts as that much, so that value and gradient
    stay finite where a pixel counted photons that the model can't explain.
    """

    def nll(self, expected, measured):
        counts = measured.astype(expected.dtype)
        mean = jnp.maximum(expected, POISSON_FLOOR)
        return mean - counts + jax.scipy.special.xlogy(counts, jnp.maximum(counts, 1e-30) / mean)

    def fisher(self, expected):
        return 1 / jnp.maximum(expected, POISSON_FLOOR)

    def sample(self, key, expected):
        return jax.random.poisson(key, expected)


def amplitude(photons: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """√photons with a gradient of zero, not infinity, where there is no photon.

    A wave of exactly zero has no phase, and so no direction in which to grow.
    """
    bright = photons >= jnp.finfo(photons.dtype).tiny
    return jnp.where(bright, jnp.sqrt(jnp.where(bright, photons, 1)), 0)
