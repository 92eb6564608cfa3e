"""How steep a penalty is where nobody says: from products with its Hessian, and from steps that are tried."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from ptychograd.core.strict import promoted_by_jax

SIGNS = 3  # products of the Hessian with random signs, which tell the steepness of each pixel
PRODUCTS = 3  # more of them, which tell how far the whole is above that
SAFETY = 1.5  # for what they leave
DIMMEST = 1e-3  # of the steepest pixel
MOST_HALVINGS = 40  # of a step
ROUNDING = 100  # times the precision, of the penalty: what is not taken for a rise

Stacked = Float[Array, "plane *array"]  # real and imaginary part, or what is real alone


def estimated_majorant(
    penalty: Callable[[Inexact[Array, "..."]], Float[Array, ""]], array: Inexact[Array, "..."]
) -> Float[Array, "..."]:
    """A diagonal d with which a step of the penalty alone goes down as d promises.

    The Hessian H of a penalty of each pixel by itself is diagonal, and d = |H s| / 2 with signs s tells it exactly;
    of several signs, and of real and imaginary part, the largest counts. Where pixels work together d is multiplied by
    the largest eigenvalue of (2d)^-½ H (2d)^-½, by three steps of the power method from the slope and noise, and by
    1.5. d is large enough that no pixel's step δ = -slope / 2d is longer than the array's root mean square; and it is
    doubled, which halves the step, until

        penalty(array + δ) <= penalty(array) + slope · δ + Σ d |δ|²

    (backtracking of Beck & Teboulle, SIAM J. Imaging Sci. 2, 183 (2009), Eq. 2.6). A bound for other changes than this
    step it is no more than likely.
    """
    is_complex = jnp.iscomplexobj(array)
    planes = jnp.stack([array.real, array.imag]) if is_complex else array[None]

    def value_of(planes):
        return penalty(jax.lax.complex(planes[0], planes[1]) if is_complex else planes[0])

    value, slope = jax.value_and_grad(value_of)(planes)
    _, times_hessian = jax.linearize(jax.grad(value_of), planes)
    size = jnp.sqrt(jnp.mean(planes**2))
    shortest = jnp.max(jnp.abs(slope), axis=0) / (2 * jnp.where(size > 0, size, 1))
    begin = jnp.maximum(_curvature_of_pixels(times_hessian, planes, slope) / 2, shortest)
    return _backtracked(value_of, planes, value, slope, begin)


def _curvature_of_pixels(times_hessian: Callable, planes: Stacked, slope: Stacked) -> Float[Array, "*array"]:
    """How steep it is in each pixel, together no less than the largest curvature that a few products find."""
    signs = [jnp.where(_noise(planes, seed) < 0, -1, 1).astype(planes.dtype) for seed in range(SIGNS)]
    steepness = jnp.max(jnp.stack([jnp.abs(times_hessian(sign)) for sign in signs]), axis=(0, 1))
    largest = jnp.max(steepness)
    steepness = jnp.maximum(steepness, DIMMEST * jnp.where(largest > 0, largest, 1))
    root = jnp.sqrt(steepness)[None]
    direction, curvature = _unit(_unit(slope / root) + _unit(_noise(planes, SIGNS))), jnp.zeros((), planes.dtype)
    for _ in range(PRODUCTS):
        along = times_hessian(direction / root) / root
        direction, curvature = _unit(along), jnp.linalg.norm(along.ravel())
    return SAFETY * curvature * steepness


def _backtracked(
    value_of: Callable, planes: Stacked, value: Float[Array, ""], slope: Stacked, begin: Float[Array, "*array"]
) -> Float[Array, "*array"]:
    """The diagonal, doubled until a step of the penalty alone goes down as it promises."""
    precision = jnp.finfo(planes.dtype)
    allowed = value + ROUNDING * precision.eps * jnp.abs(value)

    def is_too_long(carry):
        diagonal, halvings = carry
        step = slope / (2 * jnp.maximum(diagonal, precision.tiny))[None]
        reached = value_of(planes - step)
        return ~(reached <= allowed - jnp.vdot(slope, step) / 2) & (halvings < MOST_HALVINGS)

    def halved(carry):
        diagonal, halvings = carry
        return 2 * diagonal, halvings + 1

    return jax.lax.while_loop(is_too_long, halved, (begin, jnp.zeros((), jnp.int32)))[0]


def _unit(array: Stacked) -> Stacked:
    length = jnp.linalg.norm(array.ravel())
    return jnp.where(length > 0, array / jnp.where(length > 0, length, 1), 0)


def _noise(like: Stacked, seed: int) -> Stacked:
    """White noise between -1 and 1, the same for every array of this shape: pixel numbers, hashed.

    The mixing is that of MurmurHash3 (A. Appleby).
    """
    with promoted_by_jax():
        bits = jnp.arange(1, like.size + 1, dtype=jnp.uint32) + jnp.uint32(0x9E3779B9 * seed % 2**32)
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
            bits = (bits ^ (bits >> shift)) * jnp.uint32(factor)
        return (bits.astype(like.dtype) / 2.0**31 - 1).reshape(like.shape)
