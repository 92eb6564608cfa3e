"""What is left of every pattern and of every detector pixel, once a model has had its say."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Real

from ptychograd.core.strict import full_precision
from ptychograd.fitting.epoch.compiled import _compiled
from ptychograd.physics.batching import batched
from ptychograd.physics.model import AbstractModel, Group
from ptychograd.physics.noise import AbstractNoise
from ptychograd.physics.noise.base import amplitude, counted_residual


class Misfit(NamedTuple):
    """Σ(√h - √y)², what that would be if h were right, and Σy; along the first axis of patterns, or of pixels."""

    residual: Float[Array, "..."]
    counting: Float[Array, "..."]
    photons: Float[Array, "..."]


@_compiled
def misfits(
    model: AbstractModel,
    group: Int[Array, "group"],
    patterns: Real[Array, "group *detector"],
    mask: Bool[Array, "group *detector"],
    noise: AbstractNoise,
) -> tuple[Misfit, Misfit]:
    """Sums over the valid pixels of each pattern, and for each pixel over the patterns in which it is valid.

    Of what the pixels show, as `noise` says it.
    """
    with full_precision():
        expected = noise.shown(batched(lambda number: model.together(Group(number)), (0,))(group))
    measured = patterns.astype(expected.dtype)
    each = Misfit((amplitude(expected) - amplitude(measured)) ** 2, counted_residual(expected), measured)
    each = Misfit._make(jnp.where(mask, values, 0).reshape(-1, *values.shape[-2:]) for values in each)
    return Misfit._make(v.sum(axis=(1, 2)) for v in each), Misfit._make(v.sum(axis=0) for v in each)
