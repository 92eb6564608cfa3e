"""Whether a propagator of one's own keeps the energy: its largest singular value, before the first step.

Steps are divided by J^H J 1 of the exit waves (`fitting/solvers/preconditioner.py`), as if the way to the detector kept
the energy. Where the wave becomes c times as large on that way, the misfit is c² times as steep, and steps are c² times
too long: with a Fourier transform that is not normalised, as many times as there are pixels. c is the largest singular
value of A, from below by the power method with A^H A (Golub & Van Loan, Matrix Computations, 4th ed., 7.3.1), so that a
lens or a detector that sees only part of the wave counts as 1.

Where a model goes from the wave to photons in one call, `detect`, these are Σ|A ψ|² and a background, whose slope by ψ
is 2 A^H A ψ: the same turns give the same c.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex

from ptychograd.core.errors import InputError

TURNS = 4  # of the power method; one is enough for c times a unitary transform
LARGEST, LEAST = 1.1, 0.5  # times as large as a wave may become: steps are then 1.2 times too long, or 4 too short
CURE = 'as by norm="ortho" in a Fourier transform'


def check_energy(name: str, gain: float) -> None:
    """Raise `InputError` for a part that makes waves larger, by its `gain`: a fit would diverge."""
    if gain > LARGEST:
        raise InputError(
            f"{name} makes waves {gain:.4g} times as large, so that steps would be {gain**2:.4g} times too long and "
            f"the fit diverge; expected one that keeps the energy, |A psi| = |psi|: divide by {gain:.4g}, {CURE}."
        )


def loss_of_energy(name: str, gain: float) -> str:
    """A sentence on a part that makes all waves much smaller; empty for any other."""
    gain = max(gain, 1e-30)
    if not gain < LEAST:
        return ""
    return (
        f"{name} makes waves {gain:.3g} times as large at most, so that steps are {gain**-2:.3g} times shorter than "
        f"they could be; expected one that keeps the energy: multiply by {1 / gain:.4g}, {CURE}, or put what is "
        "absorbed on the way into the probe."
    )


def largest_gain(forward: Callable, wave: Complex[Array, "..."]) -> float:
    """The largest singular value of a linear map of waves, from below; `wave` is where it begins."""

    def turned(wave: Array) -> Array:
        there, back = jax.vjp(forward, wave)
        return jnp.conj(back(jnp.conj(there))[0])

    return _root_of_largest(turned, wave, 1.0)


def largest_gain_of_photons(detect: Callable, wave: Complex[Array, "..."]) -> float:
    """The same of the linear map A where photons Σ|A ψ|² are detected; waves are as large as the one it begins with."""
    size = float(jnp.linalg.norm(wave.ravel()))
    slope = jax.grad(lambda wave: jnp.sum(detect(wave)))
    return _root_of_largest(lambda wave: jnp.conj(slope(wave)) / 2, wave, size)


def _root_of_largest(product: Callable, wave: Complex[Array, "..."], size: float) -> float:
    """Square root of the largest eigenvalue of a product with a Hermitian matrix, tried on waves of that size."""
    found = jnp.linalg.norm(wave.ravel()) / size
    for _ in range(TURNS):
        wave = product(wave / found.astype(wave.dtype))
        found = jnp.maximum(jnp.linalg.norm(wave.ravel()), jnp.finfo(wave.real.dtype).tiny) / size
    return float(jnp.sqrt(found))
