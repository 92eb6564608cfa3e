"""Counted photons, and their square roots."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ptychograd.core.errors import InputError
from ptychograd.physics.noise.base import AbstractCensorable, amplitude, plain
from ptychograd.physics.noise.tails import log_above, lost_beyond, lost_by_counting

FEWEST = 2**15  # counts that are drawn at once


class Amplitude(AbstractCensorable):
    """Gaussian noise of constant variance 1/4 on the square root of the counts: misfit (√y - √h)² (Eqs. 5, 7).

    That is half of the negative log-likelihood 2 (√y - √h)², as the paper writes it; step sizes and priors are tuned to
    it. It is the default, and the one to begin with; `Poisson` describes few photons better.

    Example:
        >>> import jax.numpy as jnp
        >>> pg.Amplitude().nll(jnp.array([4.0]), jnp.array([9])).tolist()  # expected, measured
        [1.0]
    """

    @property
    def curvature(self):
        return 1.0

    @property
    def log_likelihood_factor(self):
        return 2.0

    @property
    def fits_amplitudes(self):
        return True

    def nll(self, expected, measured):
        return (amplitude(expected) - amplitude(measured.astype(expected.dtype))) ** 2

    def fisher(self, expected):
        return 1 / (2 * jnp.maximum(expected, jnp.finfo(expected.dtype).tiny))

    def sample(self, key, expected):
        return (amplitude(expected) + jax.random.normal(key, expected.shape, expected.dtype) / 2) ** 2

    def above(self, expected, level):
        return -jax.scipy.special.log_ndtr(2 * (amplitude(expected) - jnp.sqrt(level))) / 2

    def lost(self, expected, level):
        return self.fisher(expected) * lost_beyond(2 * (jnp.sqrt(level) - amplitude(expected)))


class Poisson(AbstractCensorable):
    """Photon counting: misfit h + f - y + y log(y / (h + f)) for the expectation h and the count y.

    Start from a solution for `Amplitude`: far from one, single photons in dark pixels lead astray.

    Args:
        floor: f, which acts as that much background, in photons a pixel. It keeps value and gradient finite and bounds
            how much a single photon can pull where the model is dark, and it shifts the best h by -f.

    Raises:
        InputError: for a floor that is not above 0.

    Example:
        >>> stages = pg.Stage(40), pg.Stage(20, noise=pg.Poisson())
        >>> stages[1].noise.floor
        0.03
    """

    floor: float = eqx.field(default=0.03, converter=plain)

    def __check_init__(self):
        if isinstance(self.floor, float) and not self.floor > 0:
            raise InputError(f"Poisson's floor is {self.floor} photons; expected more than 0, as 0.03.")

    @property
    def curvature(self):
        return 2.0

    def with_floor(self, floor):
        return replace(self, floor=floor)

    def nll(self, expected, measured):
        counts, mean = measured.astype(expected.dtype), expected + self.floor
        return mean - counts + jax.scipy.special.xlogy(counts, jnp.maximum(counts, 1e-30) / mean)

    def fisher(self, expected):
        return expected / (expected + self.floor) ** 2

    def sample(self, key, expected):
        return counted(key, expected)

    def above(self, expected, level):
        return -log_above(expected + self.floor, level)

    def lost(self, expected, level):
        return jnp.minimum(lost_by_counting(expected + self.floor, level), self.fisher(expected))


def counted(key: PRNGKeyArray, expected: Float[Array, "*shape"]) -> Int[Array, "*shape"]:
    """Counts about what is expected; few ones are drawn among more.

    JAX compiles the drawing anew for every size, which takes seconds: all small arrays share one.
    """
    size = expected.size
    drawn = jax.random.poisson(key, jnp.pad(expected.ravel(), (0, max(0, FEWEST - size))))
    return drawn[:size].reshape(expected.shape)
