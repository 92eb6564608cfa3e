"""How accelerated descent looks at its parameters: at whole arrays, or through the windows of a batch.

A step needs x only where its batch sees it. Whole arrays cost a pass over all pixels in every step; windows cost what
the batch sees, and a pass over all pixels once an epoch (see `Coasting`). `best_view` takes the cheaper one of those
that give the same numbers.
"""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import PyTree

from ptychograd.core.parameters import named_parameters, replace_parameters
from ptychograd.core.windows import Windows, dense, window_of
from ptychograd.fitting.objective import Batch, LocalView, Objective
from ptychograd.fitting.solvers.base import worth_windows
from ptychograd.fitting.solvers.derivatives import Automatic, Through, batch_sums
from ptychograd.fitting.solvers.moving import AbstractMoving, Ahead, Coasting, Scalar, Whole
from ptychograd.fitting.solvers.sums import MeanDiagonals, Sums
from ptychograd.physics.model import AbstractExitWaveModel, Group


class AbstractView(eqx.Module):
    """A way to look at the parameters of an objective, of which `variables` tell the form."""

    objective: Objective
    variables: PyTree

    @property
    def model(self) -> AbstractExitWaveModel | None:
        """The model, if it has an exit wave."""
        return exit_wave_model(self.objective, self.variables)

    def moving(self, velocities: dict[str, PyTree], momentum: Scalar) -> dict[str, AbstractMoving]:
        """The parameters that have velocities, set out from where the variables are."""
        named, windows = named_parameters(self.variables), self.windows(Group(jnp.zeros(1, jnp.int32)))
        return {
            name: Whole(named[name], velocity)
            if window_of(name, windows) is None
            else Coasting.of(named[name], velocity, momentum)
            for name, velocity in velocities.items()
        }

    @abc.abstractmethod
    def windows(self, group: Group) -> Windows:
        """Windows through which some patterns look."""

    @abc.abstractmethod
    def sums(
        self,
        ahead: dict[str, Ahead],
        others: dict[str, PyTree],
        batch: Batch,
        mean_diagonals: MeanDiagonals | None = None,
    ) -> Sums:
        """Sums over a batch at parameters as they are `ahead`, and `others`; `mean_diagonals` as for `batch_sums`."""


class WholeView(AbstractView):
    """Whole arrays: the best for those that are not much larger than what a batch sees of them."""

    def windows(self, group):
        return {}

    def sums(self, ahead, others, batch, mean_diagonals=None):
        seen = {name: through(lambda arrays: arrays) for name, through in ahead.items()}
        variables = replace_parameters(self.variables, seen | others)
        sums = batch_sums(Automatic(), self.objective, variables, batch, mean_diagonals)
        real = {name: named_parameters(variables)[name].real for name in sums.diagonals}
        gradient, diagonals = dense(sums.gradient, variables, sums.windows), dense(sums.diagonals, real, sums.windows)
        return sums._replace(gradient=gradient, diagonals=diagonals, windows={})


class WindowView(AbstractView):
    """Windows only: a step costs what a batch sees, however large the arrays are."""

    def windows(self, group):
        return self.objective.windows(self.variables, group)

    def sums(self, ahead, others, batch, mean_diagonals=None):
        def local_view(group):
            windows = self.windows(group)
            seen = {
                name: through(lambda arrays, name=name: self.objective.extracted({name: arrays}, windows)[name])
                for name, through in ahead.items()
            }
            return LocalView(replace_parameters(self.variables, seen | others), windows)

        return batch_sums(Automatic(), self.objective, Through(local_view), batch)


def best_view(objective: Objective, variables: PyTree, batch_size: int) -> AbstractView:
    """Windows where they are cheaper and the pixels between them may coast: where momentum stays the same."""
    whole, through = WholeView(objective, variables), WindowView(objective, variables)
    model = whole.model
    if model is None or model.is_local or not worth_windows(objective, variables, batch_size):
        return whole
    windows = through.windows(Group(jnp.zeros(1, jnp.int32)))
    seen = {name for name in named_parameters(variables) if window_of(name, windows) is not None}
    powered = set(model.free_scale.probe if model.free_scale else ())  # whose power is asked for at every step
    return through if seen <= set(Automatic().diagonal_names(objective, variables)) - powered else whole


def exit_wave_model(objective: Objective, variables: PyTree) -> AbstractExitWaveModel | None:
    """The model at `variables`, if it has an exit wave."""
    return objective.model(variables).exit_wave_model
