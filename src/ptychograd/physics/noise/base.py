"""What every noise model is, and what is known of counted photons."""

import abc
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Real

from ptychograd.core.errors import InputError

Root = TypeVar("Root", Float[Array, "*shape"], Float[np.ndarray, "*shape"])
BRIGHT = 100.0  # √h from which on the residual of counts is 1/4
FAINTEST = 1e-6  # photons, the least expectation at which a misfit is differentiated twice
LEVELS = 64  # expectations at which a curvature is looked at, evenly on a logarithmic scale


class AbstractNoise(eqx.Module):
    """Base class of noise models: misfit, information and samples of each pixel by itself.

    A subclass gives `nll`, the misfit that a reconstruction minimises; it has to be finite where no photon is expected.
    The rest follows: `fisher` by automatic differentiation, and from it how steep the misfit is. Only to simulate with
    the model give it `sample` too; so what is simulated and what is fitted can't disagree. A stage takes a noise model
    as `pg.Stage(60, noise=pg.Poisson())`.

    Example:
        >>> import jax.numpy as jnp
        >>> class Counted(pg.noise.AbstractNoise):
        ...     def nll(self, expected, measured):
        ...         return expected - measured * jnp.log(expected + 0.03)
        >>> [round(one, 2) for one in Counted().fisher(jnp.array([4.0, 8.0])).tolist()]
        [0.25, 0.12]
        >>> pg.Amplitude().information(jnp.array([4.0, 8.0])).tolist()  # of counted photons: 1 / expected
        [0.25, 0.125]
    """

    @property
    def curvature(self) -> Float[Array, ""] | float | None:
        """Largest mean second derivative of `nll` along the amplitude √h, that of `Amplitude` being 1.

        None, the default, where you don't know it: see `curvature_up_to`.
        """
        return None

    @abc.abstractmethod
    def nll(self, expected: Float[Array, "*shape"], measured: Real[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Misfit of every pixel: the negative log-likelihood divided by `log_likelihood_factor`, but for an offset."""

    def fisher(self, expected: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Mean second derivative of `nll` with respect to the expected photons, in 1/photons².

        By default that at `measured` = `expected`, which is the mean where the derivative is linear in what was
        measured, as for Poisson's and Gauss's laws; at a millionth of a photon where less is expected, and never
        below 0.
        """
        expected = jnp.maximum(expected, FAINTEST)

        def along(function):  # each pixel by itself: the derivative along ones is that of every pixel
            return lambda h: jax.jvp(function, (h,), (jnp.ones_like(h),))[1]

        return jnp.maximum(along(along(lambda h: self.nll(h, expected)))(expected), 0)

    def curvature_up_to(self, brightest: Float[Array, ""]) -> Float[Array, ""] | float:
        """The `curvature`, or where that is None the largest 2 h `fisher`(h) for expectations h up to `brightest`.

        Along a = √h the second derivative is 4 h nll'' + 2 nll', whose last term is 0 on average. A reconstruction
        takes the brightest pixel that was measured, in photons.
        """
        if self.curvature is not None:
            return self.curvature
        share = jnp.linspace(0, 1, LEVELS, dtype=brightest.dtype)[:, None, None]
        levels = jnp.exp((1 - share) * jnp.log(jnp.asarray(FAINTEST, brightest.dtype)) + share * jnp.log(brightest))
        return jnp.max(2 * jnp.max(levels * self.fisher(levels), axis=(1, 2)))

    def sample(self, key: PRNGKeyArray, expected: Float[Array, "*shape"]) -> Real[Array, "*shape"]:
        """Photons that one exposure might count. By default there are none: `InputError`."""
        raise InputError(
            f"{type(self).__name__} tells a misfit and no samples; give it `sample(key, expected)`, or simulate with "
            "another noise model, as Poisson()."
        )

    @property
    def log_likelihood_factor(self) -> float:
        """What `nll` has to be multiplied by to be the negative log-likelihood: 1 unless the misfit is scaled."""
        return 1.0

    @property
    def fits_amplitudes(self) -> bool:
        """Whether the misfit is that of `Amplitude`: robust from far away, and biased where pixels hold few photons."""
        return False

    @property
    def full_at(self) -> float | None:
        """Photons at which the first pixels are full; None where they never are, as by default."""
        return None

    def with_floor(self, floor: float) -> "AbstractNoise":
        """The same with so many photons a pixel as the floor below which counts tell nothing, if it has one."""
        return self

    def information(self, expected: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Fisher information of a pixel about its expected photons: one over the least variance of an estimate."""
        return self.log_likelihood_factor * self.fisher(expected)

    def shown(self, expected: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """What pixels show of the expected photons, as no more than their level where they are full; for R-factors."""
        return expected


class AbstractCensorable(AbstractNoise):
    """Base class of noise models that also know how likely a reading above a level is, as `Censored` needs it.

    A subclass gives `above` and `lost` in addition to what `AbstractNoise` asks for. `Amplitude`, `Gaussian`, `Poisson`
    and `PoissonGaussian` are such models.
    """

    def with_floor(self, floor: float) -> "AbstractCensorable":
        return self

    @abc.abstractmethod
    def above(self, expected: Float[Array, "*shape"], level: Float[Array, "..."]) -> Float[Array, "*shape"]:
        """Misfit of a pixel that is only known to have read `level` or more: -log P(y >= level), scaled as `nll`."""

    @abc.abstractmethod
    def lost(self, expected: Float[Array, "*shape"], level: Float[Array, "..."]) -> Float[Array, "*shape"]:
        """The part of `fisher` that is lost where readings of `level` or more are not told from one another."""


def plain(number: float) -> float:
    """NumPy's number as Python's, which takes the type of the arrays that it meets."""
    return float(number) if isinstance(number, np.floating) else number


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
    return residual_at_root(jnp.minimum(amplitude(expected), BRIGHT))


def residual_at_root(s: Root) -> Root:
    """`counted_residual` where √h is s, `BRIGHT` at most: arithmetic alone, for arrays of JAX or NumPy."""
    above = 2 + s * (-1.530834 + s * (1.191494 + s * (-0.6924539 + s * 0.2408988)))
    lower = s * (-1.766748 + s * (3.693686 + s * (-2.729420 + s * 4 * 0.2408988)))
    lower = 1 + s * (0.1987466 + s * (1.308275 + lower))
    return s**2 * above / lower
