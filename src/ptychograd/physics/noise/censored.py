"""Pixels that are full."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ptychograd.core.errors import InputError
from ptychograd.core.strict import lifted
from ptychograd.physics.noise.base import AbstractCensorable, AbstractNoise


class Censored(AbstractNoise):
    """Another noise model for a detector whose pixels saturate: full at `level` photons, they show no more than that.

    A full pixel tells that it got so many or more: its misfit is -log P(y >= level).

    Args:
        noise: the model of readings below the level.
        level: photons at which a pixel is full, one number or (y, x).

    Raises:
        InputError: for a level that is not above 0, or infinite.

    Example:
        >>> import jax.numpy as jnp
        >>> noise = pg.noise.Censored(pg.Poisson(), level=1000.0)
        >>> noise.shown(jnp.array([10.0, 2000.0])).tolist()
        [10.0, 1000.0]
    """

    noise: AbstractCensorable
    level: Float[Array, "y x"] | Float[Array, ""] | float

    def __check_init__(self):
        if isinstance(self.level, float) and not 0 < self.level < float("inf"):
            raise InputError(f"Pixels are full at {self.level:g} photons; expected a number above 0.")

    @property
    def curvature(self):
        return self.noise.curvature

    @property
    def log_likelihood_factor(self):
        return self.noise.log_likelihood_factor

    @property
    def fits_amplitudes(self):
        return self.noise.fits_amplitudes

    @property
    def full_at(self):
        return float(np.min(self.level))

    def with_floor(self, floor):
        return replace(self, noise=self.noise.with_floor(floor))

    def nll(self, expected, measured):
        level, measured = self._level(expected), measured.astype(expected.dtype)
        full = measured >= level
        lower = self.noise.nll(expected, jnp.where(full, 0, measured))
        return jnp.where(full, self.noise.above(expected, level), lower)

    def fisher(self, expected):
        return jnp.maximum(self.noise.fisher(expected) - self.noise.lost(expected, self._level(expected)), 0)

    def sample(self, key, expected):
        sample = self.noise.sample(key, expected)
        return jnp.minimum(sample, self._level(expected).astype(sample.dtype))

    def shown(self, expected):
        return jnp.minimum(expected, self._level(expected))

    def _level(self, expected: Float[Array, "*shape"]) -> Float[Array, "..."]:
        return lifted(jnp.asarray(self.level, expected.dtype), expected)
