"""Which solver a stage takes, where that is told by how the run has gone so far."""

import abc

import equinox as eqx
import jax.numpy as jnp

from ptychograd.core.parameters import named_parameters, partition
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.batch_size import is_faint, signal_of
from ptychograd.fitting.mean_pattern import fit_of_mean
from ptychograd.fitting.result import History
from ptychograd.fitting.solvers import LBFGS, AbstractSolver
from ptychograd.physics.model import AbstractModel

NEAR_NOISE = 1.2  # χ² over that of a right model, up to which photon noise is most of what is left


class AbstractSolverChoice(eqx.Module):
    """Base class of rules that choose the solver of a stage when it begins.

    What they choose must follow from the arguments alone, so that a run that goes on does as it would have done.

    Example:
        >>> stages = (pg.Stage(20), pg.Stage(40, solver=pg.runs.QuasiNewtonNearNoise()))
    """

    @property
    def description(self) -> str:
        """One line for a person and the result file, by default the fields."""
        return repr(self)

    @abc.abstractmethod
    def chosen(
        self, model: AbstractModel, trainable: tuple[str, ...], data: Dataset, history: History
    ) -> AbstractSolver | None:
        """The solver for a stage that refines `trainable` after what `history` holds; None for that of the run."""

    def candidates(self, model: AbstractModel, trainable: tuple[str, ...], data: Dataset) -> tuple[AbstractSolver, ...]:
        """Solvers that it may choose, whose memory a run has to have beforehand; none by default."""
        return ()


class QuasiNewtonNearNoise(AbstractSolverChoice):
    """`LBFGS()` with all patterns at once, where it pays; the run's own solver goes on elsewhere.

    A quasi-Newton solver finds the minimum of the misfit of all patterns in fewer passes than steps of batches do, and
    exactly, where these scatter about it. It pays where the run is near enough to that minimum, and the minimum to the
    truth: where χ² has come to 1.2 times what photon noise leaves. Above that wrong minima are near, or something other
    than noise is in the patterns, and the scatter of batches is of use. It does not pay either where photons are so few
    that the minimum is a fit of noise (see `ptychograd.fitting.batch_size`).

    It is for parameters that come with their step sizes, as object and probe, and for counted patterns that are all
    in memory. In a near field the run's own solver goes on: the memory of `Nesterov`, which grows there, gets farther
    (docs/benchmarks.md).

    Example:
        >>> stages = (pg.Stage(20), pg.Stage(40, solver=pg.runs.QuasiNewtonNearNoise()))
        >>> longer = pg.perform(run._replace(stages=stages[:1] + (stages[1]._replace(epochs=2),)))
    """

    def chosen(self, model, trainable, data, history):
        if not history.epochs or not is_possible(model, trainable, data):
            return None
        alike = fit_of_mean(data, is_of_roots=True)
        is_near = history.chi_squared[-1] <= NEAR_NOISE * alike.least
        return LBFGS() if is_near and not is_faint(data, alike.signal) else None

    def candidates(self, model, trainable, data):
        if not is_possible(model, trainable, data) or is_faint(data, signal_of(data)):
            return ()
        return (LBFGS(),)


def is_possible(model: AbstractModel, trainable: tuple[str, ...], data: Dataset) -> bool:
    """Whether a quasi-Newton stage can be, as far as model and data tell."""
    return comes_with_steps(model, trainable) and not data.is_stored


def comes_with_steps(model: AbstractModel, trainable: tuple[str, ...]) -> bool:
    """Whether all that is refined is complex, in a model with an exit wave that is not local, and so has a diagonal."""
    leaves = named_parameters(partition(model, trainable)[0]).values()
    passing = model.exit_wave_model
    is_of_kind = passing is not None and not passing.is_local
    return is_of_kind and all(jnp.iscomplexobj(leaf) for leaf in leaves)
