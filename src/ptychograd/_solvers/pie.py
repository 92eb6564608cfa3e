"""The ptychographic iterative engine, by closed form and by AD."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ptychograd._errors import InputError
from ptychograd._parameters import map_with_names
from ptychograd._solvers.base import AbstractSolver
from ptychograd._solvers.derivatives import AbstractDerivatives, Automatic, ClosedForm, batch_sums
from ptychograd._windows import add_windows


class PIE(AbstractSolver):
    """The ptychographic iterative engine (Algorithm 1, Eqs. 8 to 10).

    `alpha` = 1 is ePIE (Maiden & Rodenburg, Ultramicroscopy 109, 1256 (2009)); less is the
    regularised rPIE (Maiden et al., Optica 4, 736 (2017)), whose steps are larger where the probe
    (for the object) or the object (for the probe) is dark. A step divides the gradient by
    (1 - alpha) w + alpha max(w), where w is the diagonal J^H J 1: Σ|P|² for the object where it is
    free, Σ|S_j O|² for the probe. Summing over a minibatch generalises Eq. 9, whose object step
    overshoots where windows of a batch overlap. `derivatives` are in closed form unless given.
    """

    alpha: float = eqx.field(default=1.0, static=True)
    derivatives: AbstractDerivatives = ClosedForm()

    def __check_init__(self):
        if not 0 < self.alpha <= 1:
            raise InputError(f"PIE's alpha is {self.alpha}; expected 0 < alpha < 1 (rPIE) or 1 (ePIE).")

    @property
    def description(self):
        name = "ePIE" if self.alpha == 1 else f"rPIE, alpha {self.alpha:g}"
        return name if isinstance(self.derivatives, ClosedForm) else f"AD-{name}"

    def variables(self, parameters):
        return self.derivatives.variables(parameters)

    def init(self, objective, variables):
        self.derivatives.check(objective, variables)
        return ()

    def step(self, objective, variables, batch, state):
        sums = batch_sums(self.derivatives, objective, variables, batch)
        scale = {name: self._scale(diagonal) for name, diagonal in sums.diagonals.items()}
        updates = map_with_names(lambda name, leaf: -scale[name] * leaf, sums.gradient)
        return add_windows(variables, updates, sums.windows), state, sums.value

    def _scale(self, weight: Float[Array, "..."]) -> Float[Array, "..."]:
        """One over the denominator; a parameter on which no exit wave depends stays where it is."""
        largest = jnp.max(weight)
        lit = largest > 0
        if self.alpha == 1:
            return jnp.where(lit, 1 / jnp.where(lit, largest, 1), 0)
        return jnp.where(lit, 1 / jnp.where(lit, (1 - self.alpha) * weight + self.alpha * largest, 1), 0)


def ADePIE() -> PIE:
    """AD-ePIE: ePIE whose gradient and Lipschitz constants (Eq. 9) come from automatic differentiation."""
    return PIE(derivatives=Automatic())
