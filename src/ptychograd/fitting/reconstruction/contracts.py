"""What parts of one's own have to keep to: checked by their shapes, before anything is compiled."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset, StoredPatterns
from ptychograd.fitting.epoch import AbstractSampler, Shuffled
from ptychograd.fitting.priors import AbstractPrior
from ptychograd.physics.noise import AbstractNoise

UNKNOWN_BRIGHTEST = 1e6  # photons of a pixel, where patterns are still to come


def check_noise(noise: AbstractNoise, frame_shape: tuple[int, int], real: np.dtype) -> None:
    """Raise `InputError` for a misfit that is not one real number for each pixel, or not finite in the dark."""
    patterns = jax.ShapeDtypeStruct((2, *frame_shape), real)
    for name, arguments in {"nll": (patterns, patterns), "fisher": (patterns,)}.items():
        found = jax.eval_shape(getattr(noise, name), *arguments)
        if getattr(found, "shape", None) != patterns.shape or not jnp.issubdtype(found.dtype, jnp.floating):
            raise InputError(
                f"`{name}` of {type(noise).__name__} gives {described(found)} for patterns of {list(patterns.shape)}; "
                "expected one real number for each pixel, not their sum."
            )
    if noise.curvature is None:
        _check_dark(noise, patterns)


def described(found: object) -> str:
    """Type and shape of an array, or the kind of what is none."""
    if isinstance(found, jax.ShapeDtypeStruct):
        return f"{found.dtype}{list(found.shape)}"
    return f"a {type(found).__name__}"


def _check_dark(noise: AbstractNoise, patterns: jax.ShapeDtypeStruct) -> None:
    """Refuse a misfit that no solver could follow where no photon is expected, and none or one is measured."""
    dark, measured = jnp.zeros(patterns.shape, patterns.dtype), jnp.ones(patterns.shape, patterns.dtype).at[0].set(0)
    value, back = jax.vjp(lambda dark: noise.nll(dark, measured), dark)
    for name, array in {"value": value, "slope": back(jnp.ones_like(value))[0]}.items():
        if not bool(jnp.all(jnp.isfinite(array))):
            raise InputError(
                f"The {name} of {type(noise).__name__}'s `nll` is not finite where no photon is expected; add a floor, "
                "as in expected + 0.03."
            )


def check_prior(prior: AbstractPrior, array: Array, root: Array) -> None:
    """Raise `InputError` for a penalty that is not one real number, or a bound that is not one for each pixel."""
    penalty = jax.eval_shape(prior, array, root)
    if getattr(penalty, "shape", None) != () or not jnp.issubdtype(penalty.dtype, jnp.floating):
        raise InputError(
            f"The prior {type(prior).__name__} gives {described(penalty)} for {prior.path} of {list(array.shape)}; "
            "expected one real number, as the sum over all pixels."
        )
    bound = jax.eval_shape(prior.majorant, array, root)
    if getattr(bound, "shape", None) != array.shape:
        raise InputError(
            f"`majorant` of the prior {type(prior).__name__} gives {described(bound)} for {prior.path} of "
            f"{list(array.shape)}; expected one number for each pixel, or leave it out."
        )


def check_sampler(sampler: AbstractSampler, settings: Mapping) -> None:
    """Raise `InputError` where a run would go on in another order than it began."""
    begun = settings.get("sampler", Shuffled().description)
    if sampler.description != begun:
        raise InputError(
            f'The result to resume took its patterns in the order of "{begun}", and this run in that of '
            f'"{sampler.description}"; give the same sampler, or begin afresh without `resume`.'
        )


def brightest(noise: AbstractNoise, data: Dataset, real: np.dtype) -> jax.Array | None:
    """Photons of the brightest pixel, for a noise model that does not know its curvature."""
    if noise.curvature is not None:
        return None
    grows = isinstance(data.patterns, StoredPatterns) and data.patterns.grows
    return jnp.asarray(UNKNOWN_BRIGHTEST if grows else max(1.0, data.largest), real)
