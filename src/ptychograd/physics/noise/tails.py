"""Logarithms of the probabilities of tails, with finite values and slopes however far the tail is."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

NEAR = 0.1  # relative distance of mean and level, within which series are summed
LEAST = 1e-10  # of the level: the smallest mean, whose logarithm is taken


def log_above(mean: Float[Array, "*shape"], level: Float[Array, "..."]) -> Float[Array, "*shape"]:
    """log P(y >= level) of counts y about their mean: that of the incomplete gamma function P(level, mean).

    By the saddlepoint, log Φ(r + log(u/r) / r) with r² / 2 = m - c + c log(c / m) and u = (m - c) / √c for mean m
    and level c (Lugannani & Rice, Adv. Appl. Prob. 12, 475 (1980); Barndorff-Nielsen, Biometrika 73, 307 (1986)); it is
    right to 0.3 % from a level of 10 on, and to 3 % at 1, of the logarithm or of 1 if that is larger.
    """
    root, bend = _signed_root(mean, level)
    return jax.scipy.special.log_ndtr(root + bend)


def log_at(mean: Float[Array, "*shape"], level: Float[Array, "..."]) -> Float[Array, "*shape"]:
    """log P(y = level - 1) of counts y about their mean, by Stirling's series: the slope of P(y >= level)."""
    root, _ = _signed_root(mean, level)
    mean = jnp.maximum(mean, LEAST * level)
    return -(root**2) / 2 - jnp.log(2 * np.pi * level) / 2 - 1 / (12 * level) + jnp.log(level / mean)


def lost_by_counting(mean: Float[Array, "*shape"], level: Float[Array, "..."]) -> Float[Array, "*shape"]:
    """The information on the mean that is lost where counts of `level` or more are not told from one another.

    E[s²; y >= c] - E[s; y >= c]² / P(y >= c) with the score s = y / m - 1.
    """
    mean = jnp.maximum(mean, LEAST * level)
    tail, at = log_above(mean, level), log_at(mean, level)
    more = jnp.exp(tail) + jnp.exp(at)  # P(y >= c - 1)
    return jnp.maximum(jnp.exp(at) * ((level - 1) / mean - 1) + more / mean - jnp.exp(2 * at - tail), 0)


def lost_beyond(deviations: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The share of a normal variable's information that is lost where values beyond so many deviations are one."""
    tail, at = jax.scipy.special.log_ndtr(-deviations), -(deviations**2) / 2 - math.log(2 * math.pi) / 2
    return jnp.maximum(deviations * jnp.exp(at) + jnp.exp(tail) - jnp.exp(2 * at - tail), 0)


def _signed_root(
    mean: Float[Array, "*shape"], level: Float[Array, "..."]
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """r, and log(u/r) / r: with d = m/c - 1 and 2g = 2 (d - log(1 + d)) / d² these are d √(2gc) and log(2g) / -2r."""
    mean = jnp.maximum(mean, LEAST * level)
    d = (mean - level) / level
    near = jnp.abs(d) < NEAR
    small, large = jnp.where(near, d, 0), jnp.where(near, 1, d)
    excess = _series(small, [2 * (-1) ** n / n for n in range(3, 11)])  # (2g - 1) / d
    twice = jnp.where(near, 1 + small * excess, 2 * (large - jnp.log(jnp.where(near, jnp.e, mean / level))) / large**2)
    logarithm = excess * _series(small * excess, [(-1) ** n / (n + 1) for n in range(8)])
    logarithm = jnp.where(near, logarithm, jnp.log(twice) / large)  # log(2g) / d
    root = jnp.sqrt(twice * level)
    return d * root, -logarithm / (2 * root)


def _series(x: Float[Array, "*shape"], coefficients: list[float]) -> Float[Array, "*shape"]:
    total = jnp.zeros_like(x)
    for coefficient in reversed(coefficients):
        total = coefficient + x * total
    return total
