"""What a whole reconstruction is asked for: stages one after another, and all that they have in common."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, cast

from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.overriding import check_overriding
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.epoch import AbstractSampler, Device, Shuffled
from ptychograd.fitting.priors import AbstractPrior
from ptychograd.fitting.projections import Constraints, check_constraints, summary_of
from ptychograd.fitting.result import History, Result
from ptychograd.fitting.schedule import AbstractSchedule, LateCooling
from ptychograd.fitting.solvers import AbstractSolver
from ptychograd.physics.checks import refined_by_default
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.noise import AbstractNoise, Amplitude
from ptychograd.refinement.stage_actions import AbstractStageAction
from ptychograd.runs.solver_choice import AbstractSolverChoice


class Stage(NamedTuple):
    """Some epochs of a run with the same parameters free, the same noise model and the same priors.

    Args:
        epochs: how many, unless a rule ends the stage early.
        trainable: paths of the parameters that are refined, a tuple, also of one; by default what the model names as
            image and illumination (`AbstractModel.refined`), object and probe of the package's own models.
        noise: the noise model, which gives the objective; `Amplitude()` by default.
        until: a rule that may end the stage early, as `Converged()`; the stages after it then shrink in proportion.
        first: what is done to the model before: one action, or several one after another, as `ShrinkWrap()` or
            `PositionSearch(data)` (see `ptychograd.refinement`); the solver then starts afresh.
        priors: penalties on parameters, as `ptychograd.priors` has them; none by default.
        constraints: what must hold of refined parameters, by path, as `ptychograd.constraints` has them; none by
            default. A path stands for everything below it; several constraints on one are applied one after another.
        solver: the rule by which its parameters move, or a rule that chooses one when the stage begins, as
            `QuasiNewtonNearNoise()`; by default that of the run. Another one than in the stage before starts afresh.
        batch_size: patterns in its minibatches; by default as many as the run says, or as suit a solver of its own.

    Example:
        >>> stages = (pg.Stage(60), pg.Stage(20, ("object", "probe", "scan.offset"), pg.Poisson()))
        >>> [stage.epochs for stage in stages]
        [60, 20]
        >>> stages = (pg.Stage(5), pg.Stage(30, solver=pg.LBFGS(), batch_size=data.count))
    """

    epochs: int
    trainable: tuple[str, ...] | None = None
    noise: AbstractNoise = Amplitude()
    until: Callable[[History], str] | None = None
    first: tuple[AbstractStageAction, ...] | AbstractStageAction = ()
    priors: tuple[AbstractPrior, ...] = ()
    constraints: Constraints = {}  # noqa: RUF012 (never written to)
    solver: AbstractSolver | AbstractSolverChoice | None = None
    batch_size: int | None = None

    @property
    def actions(self) -> tuple[AbstractStageAction, ...]:
        """What is done to the model before, one after another; a single one stands for itself."""
        return (self.first,) if isinstance(self.first, AbstractStageAction) else tuple(self.first)

    @property
    def parts(self) -> list[str]:
        """Noise, rule that ends it, actions and priors in words: equal for equal ones."""
        return [repr(part) for part in (self.noise, self.until, self.actions, self.priors)]

    @property
    def named(self) -> tuple[str, ...]:
        """The paths that are asked for; none where the model says what is refined."""
        return self.trainable or ()

    def free(self, model: AbstractModel) -> tuple[str, ...]:
        """Paths of what it refines of a model."""
        return refined_by_default(model) if self.trainable is None else self.trainable


class Run(NamedTuple):
    """All that one reconstruction is asked for: start model, data, solver, and its stages one after another.

    `perform` does it; `sweep` does many.

    Args:
        model: the start model, as `far_field(data)` makes it.
        data: the measured patterns, from which the model was made.
        solver: the rule by which parameters move; `Nesterov()` needs no tuning.
        stages: one or more, in their order.
        batch_size: patterns in a minibatch, from 1 to all; by default as many as suit the solver (see `reconstruct`).
        seed: of the order of the patterns.
        devices: among which the patterns of every batch are divided, such as `jax.devices()`; one device by default.
        monitor: looks after each epoch at patterns that are held out (see `HeldOutMonitor`); none by default.
        sampler: the order of the patterns (see `pg.fitting.AbstractSampler`); shuffled by default.
        schedule: how steps get smaller (see `pg.fitting.AbstractSchedule`); by default in the last 30 % of epochs.

    Example:
        >>> run = pg.Run(model, data, pg.Nesterov(), (pg.Stage(60),), batch_size=16)
        >>> run.summary["solver"]
        'Nesterov, momentum 0.8 (near field: 0.995), step 0.65, floor 0.38'
    """

    model: AbstractModel
    data: Dataset
    solver: AbstractSolver
    stages: tuple[Stage, ...]
    batch_size: int | None = None
    seed: int = 0
    devices: tuple[Device, ...] | None = None
    monitor: Callable[[int, Callable[[], Result]], float] | None = None
    sampler: AbstractSampler = Shuffled()
    schedule: AbstractSchedule = LateCooling()

    def sized(self) -> "Run":
        """The run with a batch size: what suits its solver, where none is given."""
        check_kind(self.data, Dataset, "data")
        check_kind(self.solver, AbstractSolver, "solver", ", as pg.Nesterov()")
        known = self.batch_size is not None
        return self if known else self._replace(batch_size=self.solver.suited_batch_size(self.data))

    def with_solver(self, stage: Stage, history: History) -> Stage:
        """The stage with its solver and batch, as they are where it begins after that history."""
        solver = stage.solver
        if isinstance(solver, AbstractSolverChoice):
            solver = solver.chosen(self.model, stage.free(self.model), self.data, history)
        size = stage.batch_size
        if size is None and solver is None:
            size = self.batch_size
        solver = self.solver if solver is None else solver
        return stage._replace(solver=solver, batch_size=solver.suited_batch_size(self.data) if size is None else size)

    @property
    def summary(self) -> dict:
        """What is asked for but the start model, in words and numbers: equal for equal runs."""
        stages = [
            [stage.epochs, list(stage.free(self.model)), *stage.parts, *constraints_of(stage), *_own(stage)]
            for stage in self.stages
        ]
        return {
            "data": self.data.fingerprint,
            "solver": self.solver.description,
            "stages": stages,
            "batch_size": self.batch_size,
            "seed": self.seed,
            **({} if self.sampler == Shuffled() else {"sampler": self.sampler.description}),
            **({} if self.schedule == LateCooling() else {"schedule": self.schedule.description}),
        }


def constraints_of(stage: Stage) -> Sequence[Mapping[str, str]]:
    """Those of a stage in words, if it has some."""
    return [summary_of(stage.constraints)] if stage.constraints else []


def _own(stage: Stage) -> Sequence[Mapping[str, str | int]]:
    """What a stage has in the place of the run's, if anything, in words and numbers."""
    found = {} if stage.solver is None else {"solver": stage.solver.description}
    found |= {} if stage.batch_size is None else {"batch_size": stage.batch_size}
    return [found] if found else []


def check_stage(stage: object) -> None:
    """Raise `InputError` for what can't be looked at as a stage."""
    check_kind(stage, Stage, "stage")
    stage = cast(Stage, stage)
    if isinstance(stage.trainable, str):
        raise InputError(f'A stage refines "{stage.trainable}", a text; expected a tuple, as ("object", "probe").')
    if stage.until is not None and (isinstance(stage.until, type) or not callable(stage.until)):
        raise InputError(f"A stage until {stage.until!r}; expected a rule that ends it, as Converged(), or None.")
    for action in stage.first if isinstance(stage.first, list | tuple) else (stage.first,):
        check_kind(action, AbstractStageAction, "stage action")
        check_overriding(action)
    if stage.solver is not None and not isinstance(stage.solver, AbstractSolverChoice):
        check_kind(stage.solver, AbstractSolver, "solver", ", as pg.Nesterov()")
    for prior in stage.priors:
        check_kind(prior, AbstractPrior, "prior")
    check_constraints(stage.constraints)
