"""The ptychographic iterative engine, by closed form and by AD."""

from functools import partial

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import map_with_names, named_parameters
from ptychograd.core.windows import add_windows, overlapped, window_of
from ptychograd.fitting.batch_size import batch_of
from ptychograd.fitting.solvers.base import AbstractSolver, EpochSteps, worth_windows
from ptychograd.fitting.solvers.closed_form import ClosedForm
from ptychograd.fitting.solvers.derivatives import AbstractDerivatives, AutomaticLipschitz, Through, batch_sums
from ptychograd.fitting.solvers.preconditioner import reciprocal
from ptychograd.fitting.solvers.sums import Sums
from ptychograd.physics.model import Group

RPIE_BATCH = 32


class PIE(AbstractSolver):
    """The ptychographic iterative engine: ePIE, or rPIE with an `alpha` below 1 (Algorithm 1, Eqs. 8 to 10).

    A step divides the gradient by (1 - alpha) w + alpha max(w), where w is the diagonal J^H J 1: Σ|P|² for the object
    where it is free, Σ|S_j O|² for the probe. Summing over a minibatch generalises Eq. 9, whose object step overshoots
    where windows of a batch overlap. In closed form it moves a thin object and the probe under amplitude noise. It
    takes no priors.

    Args:
        alpha: 1, the default, is ePIE (Maiden & Rodenburg, Ultramicroscopy 109, 1256 (2009)); a number between 0 and 1
            is the regularised rPIE (Maiden et al., Optica 4, 736 (2017)), whose steps are larger where the probe (for
            the object) or the object (for the probe) is dark.
        derivatives: where gradient and w come from: in closed form by default; `ADePIE` takes them from automatic
            differentiation, for complex parameters of any model with an exit wave.

    Raises:
        InputError: an alpha that is not above 0 and at most 1; when a run begins, a model for which there are no such
            derivatives, or priors.

    Example:
        >>> pg.PIE().description, pg.PIE(0.1).description
        ('ePIE', 'rPIE, alpha 0.1')
    """

    alpha: float = eqx.field(default=1.0, static=True)
    derivatives: AbstractDerivatives = ClosedForm()

    def __check_init__(self):
        if not 0 < self.alpha <= 1:
            raise InputError(f"PIE's alpha is {self.alpha}; expected 0 < alpha < 1 (rPIE) or 1 (ePIE).")

    @property
    def description(self):
        name = "ePIE" if self.alpha == 1 else f"rPIE, alpha {self.alpha:g}"
        return self.derivatives.prefix + name

    def suited_batch_size(self, data):
        """One, as Algorithm 1 has it; 32, at most a fifth of all, of rPIE."""
        return data.group if self.alpha == 1 else batch_of(data, RPIE_BATCH)

    def variables(self, parameters):
        return self.derivatives.variables(parameters)

    def init(self, objective, variables):
        self.derivatives.check(objective, variables)
        if objective.penalties:
            raise InputError("PIE takes no priors; take nesterov, or an optax solver such as adam.")
        return ()

    def step(self, objective, variables, batch, state):
        sums = batch_sums(self.derivatives, objective, variables, batch)
        return self._moved(variables, sums, sums.diagonals), state, sums.value

    def epoch_steps(self, objective, variables, state, batch_size):
        if batch_size == 1 or not worth_windows(objective, variables, batch_size):
            return super().epoch_steps(objective, variables, state, batch_size)
        windows = objective.windows(variables, Group(jnp.zeros(1, jnp.int32)))
        named = named_parameters(variables)
        names = [
            name
            for name in self.derivatives.diagonal_names(objective, variables)
            if window_of(name, windows) is not None
        ]
        desks = {name: jnp.zeros_like(named[name].real) for name in names}

        def step(carried, batch):
            variables, desks = carried
            through = Through(partial(objective.local_view, variables))
            sums = batch_sums(self.derivatives, objective, through, batch)
            diagonals, wiped = dict(sums.diagonals), {}
            for name, desk in desks.items():
                window = window_of(name, sums.windows)
                if window is not None:
                    diagonals[name], wiped[name] = overlapped(desk, diagonals[name], window)
            return (self._moved(variables, sums, diagonals), wiped), sums.value

        return EpochSteps((variables, desks), step, lambda carried: (carried[0], state))

    def _moved(self, variables: PyTree, sums: Sums, diagonals: dict[str, Float[Array, "..."]]) -> PyTree:
        """x' = x - g / ((1 - α) w + α max w)."""
        one_over = {name: reciprocal(w, jnp.max(w), self.alpha) for name, w in diagonals.items()}
        updates = map_with_names(lambda name, g: (-one_over[name]).astype(g.dtype) * g, sums.gradient)
        return add_windows(variables, updates, sums.windows)


def ADePIE() -> PIE:
    """The solver AD-ePIE: ePIE whose gradient and Lipschitz constants (Eq. 9) come from automatic differentiation.

    On any scan of a thin object its steps are those of ePIE, up to rounding.

    Returns:
        the solver, a `PIE` with other derivatives.

    Example:
        >>> pg.ADePIE().description
        'AD-ePIE'
    """
    return PIE(derivatives=AutomaticLipschitz())
