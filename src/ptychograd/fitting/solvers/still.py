"""A solver that leaves everything where it is."""

from ptychograd.fitting.solvers.base import AbstractSolver


class EvaluateOnly(AbstractSolver):
    """No step at all: the misfit of a model as it is, and the time of its forward model."""

    @property
    def description(self):
        return "still"

    def variables(self, parameters):
        return parameters

    def init(self, objective, variables):
        return ()

    def step(self, objective, variables, batch, state):
        windows = objective.windows(variables, batch.index)
        expected = objective.expected(objective.extracted(variables, windows), windows, batch.index)
        return variables, state, objective.over_devices(objective.value(expected, batch))
