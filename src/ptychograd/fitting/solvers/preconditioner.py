"""The preconditioner: how far each pixel may step, as the model's own curvature has it.

Let ψ = J x be the exit waves of a batch, linear in the parameter x (the object, or the probe), and g the gradient. If
the wave ψ' that belongs to the measured magnitudes were known, a unitary propagator would make the misfit Σ|ψ - ψ'|²,
with the Hessian J^H J. For a thin object that is diagonal: w = Σ_j |P|² of the windows S_j that see a pixel; and for
the probe w = Σ_j |S_j O|². Newton's step is then g / w. Elsewhere w = J^H J 1, the sums of rows, stands for the
diagonal.

Where hardly any light falls, w is near 0 and g is noise, which that step would take for signal. So a share φ of w is
taken from where it is largest:

    x' = x - g / ((1 - φ) w + φ max w)

With φ = 1 all pixels take the step 1 / max w, w's Lipschitz constant: ePIE (Eq. 9; Maiden & Rodenburg, Ultramicroscopy
109, 1256 (2009)). With φ = α < 1 it is rPIE (Maiden et al., Optica 4, 736 (2017)). `Nesterov` takes the same from y.
Since w carries the unit of the problem, one φ serves any number of photons.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float


def reciprocal(
    weight: Float[Array, "..."], largest: Float[Array, ""], floor: Float[Array, ""] | float
) -> Float[Array, "..."]:
    """1 / ((1 - φ) w + φ max w) of a diagonal w, its maximum and the `floor` φ; one number where φ is known to be 1.

    A parameter on which no exit wave of the batch depends stays where it is: 0.
    """
    is_seen = largest > 0
    if isinstance(floor, float | int) and floor == 1:
        return jnp.where(is_seen, 1 / jnp.where(is_seen, largest, 1), 0)
    return jnp.where(is_seen, 1 / jnp.where(is_seen, (1 - floor) * weight + floor * largest, 1), 0)
