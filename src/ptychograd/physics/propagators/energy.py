"""Whether a propagator of one's own keeps the energy: its largest singular value, before the first step.

Steps are divided by J^H J 1 of the exit waves (`fitting/solvers/preconditioner.py`), as if the way to the detector kept
the energy. Where the wave becomes c times as large on that way, the misfit is c² times as steep, and steps are c² times
too long: with a Fourier transform that is not normalised, as many times as there are pixels. c is the largest singular
value of A, from below by the power method with A^H A (Golub & Van Loan, Matrix Computations, 4th ed., 7.3.1), so that a
lens or a detector that sees only part of the wave counts as 1.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex

from ptychograd.core.errors import InputError
from ptychograd.physics.propagators.base import AbstractPropagator

TURNS = 4  # of the power method; one is enough for c times a unitary transform
LARGEST, LEAST = 1.1, 0.5  # times as large as a wave may become: steps are then 1.2 times too long, or 4 too short
CURE = 'as by norm="ortho" in a Fourier transform'


def check_energy(part: AbstractPropagator, wave: Complex[Array, "*modes y x"]) -> None:
    """Raise `InputError` for a propagator that makes waves larger: a fit would diverge."""
    gain = largest_gain(lambda wave: part(wave, None), wave)
    if gain > LARGEST:
        raise InputError(
            f"The propagator {type(part).__name__} makes waves {gain:.4g} times as large, so that steps would be "
            f"{gain**2:.4g} times too long and the fit diverge; expected one that keeps the energy, |A psi| = |psi|: "
            f"divide by {gain:.4g}, {CURE}."
        )


def loss_of_energy(part: AbstractPropagator, wave: Complex[Array, "*modes y x"]) -> str:
    """A sentence on a propagator that makes all waves much smaller; empty for any other."""
    gain = max(largest_gain(lambda wave: part(wave, None), wave), 1e-30)
    if gain >= LEAST:
        return ""
    return (
        f"The propagator {type(part).__name__} makes waves {gain:.3g} times as large at most, so that steps are "
        f"{gain**-2:.3g} times shorter than they could be; expected one that keeps the energy: multiply by "
        f"{1 / gain:.4g}, {CURE}, or put what is absorbed on the way into the probe."
    )


def largest_gain(forward: Callable, wave: Complex[Array, "..."]) -> float:
    """The largest singular value of a linear map of waves, from below; `wave` is where it begins."""
    size = jnp.linalg.norm(wave.ravel())
    for _ in range(TURNS):
        there, back = jax.vjp(forward, wave / size.astype(wave.dtype))
        wave = jnp.conj(back(jnp.conj(there))[0])
        size = jnp.maximum(jnp.linalg.norm(wave.ravel()), jnp.finfo(wave.real.dtype).tiny)
    return float(jnp.sqrt(size))
