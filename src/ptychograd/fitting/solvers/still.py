"""A solver that leaves everything where it is."""

from ptychograd.fitting.shared import in_place
from ptychograd.fitting.solvers.base import AbstractSolver


class EvaluateOnly(AbstractSolver):
    """A solver that takes no step: it tells the misfit of a model as it is, and the time that its forward model takes.

    `r_factor` uses it.

    Example:
        still = pg.solvers.EvaluateOnly()
        result = pg.reconstruct(model, data, still, epochs=1, batch_size=16)
        result.history.loss[0], result.history.seconds[0]
    """

    @property
    def description(self):
        return "still"

    def variables(self, parameters):
        return parameters

    def init(self, objective, variables):
        return ()

    def step(self, objective, variables, batch, state):
        place = in_place(objective, variables)
        local_view = place.objective.local_view(place.variables, batch.group)
        expected = place.objective.expected(*local_view, batch.group)
        return variables, state, objective.devices.summed(objective.value(expected, batch))
