"""A whole reconstruction as one thing, performed from its first stage to its last."""

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np

from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.own_errors import CalledFrom
from ptychograd.core.parameters import matches
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.projections import summary_of
from ptychograd.fitting.reconstruction import (
    CUT_SHORT,
    INTERRUPTED,
    NOT_FINITE,
    Progress,
    Task,
    prepared,
    reconstruct,
    require_whole,
)
from ptychograd.fitting.reconstruction.contracts import check_called
from ptychograd.fitting.result import History, NonFiniteError, Result, arrays_of, require_present_version
from ptychograd.fitting.solvers import AbstractSolver
from ptychograd.fitting.verdict import VERDICT, assess
from ptychograd.physics.model import AbstractModel
from ptychograd.refinement.stage_actions import AbstractStageAction, Changed
from ptychograd.runs.progress import RunProgress
from ptychograd.runs.solver_choice import AbstractSolverChoice
from ptychograd.runs.stage import Run, Stage, check_stage, constraints_of

SOLVER_CHANGES = "solver_changes"  # settings: of runs whose stages had more than one solver


def check(run: Run) -> None:
    """Raise `InputError` for a run without a stage, and for what would be refused in any of them."""
    if isinstance(run.stages, Stage) or not isinstance(run.stages, Sequence) or not run.stages:
        raise InputError("A run without a stage; give it one, as stages=(Stage(60),).")
    for stage in run.stages:
        check_stage(stage)
    run = run.sized()
    for task, stage in zip(tasks(run), run.stages, strict=True):
        prepared(task)
        for action in stage.actions:
            action.check(run.model)


def tasks(run: Run) -> list[Task]:
    """What each stage asks for, as far as it can be told before the run."""
    return [task_of(run, stage, stage.epochs, None, None) for stage in run.stages]


def possible_tasks(run: Run) -> list[Task]:
    """What the stages ask for, and what they would ask for with solvers that they may choose: all that needs memory."""
    others = [
        run.with_solver(stage._replace(solver=solver), History.empty())
        for stage in run.stages
        if isinstance(stage.solver, AbstractSolverChoice)
        for solver in stage.solver.candidates(run.model, stage.free(run.model), run.data)
    ]
    return tasks(run) + [task_of(run, stage, stage.epochs, None, None) for stage in others]


def perform(
    run: Run,
    on_epoch: Callable[[Progress], None] | None = None,
    resume: Result | None = None,
    epochs: int | None = None,
) -> Result:
    """Do a run from its first stage to its last, and give its result.

    An interrupt ends it as it ends `reconstruct`. From a result of the same run, given as `resume`, it goes on as if it
    had never ended there: what was interrupted comes out bit for bit the same on a CPU. A run that came to its end has
    the verdict on it (see `assess`) in `settings["verdict"]`.

    Args:
        run: what to do.
        on_epoch: is called with a `Progress` after each epoch.
        resume: a result of the same run to go on from.
        epochs: go on to that many in all: what is left of the stages is stretched, or the last stage goes on if nothing
            is left, and no rule ends them early. By default as many as the stages say.

    Returns:
        the refined model with its arrays, history and settings.

    Raises:
        InputError: the run has no stage, something in it does not fit together, or `resume` is of another kind of run.
        NonFiniteError: a loss or parameter is no finite number any more; it holds the last good result.

    Example:
        >>> longer = pg.perform(run, resume=result, epochs=3)
        >>> longer.history.epochs, longer.settings["verdict"]["code"]
        (3, 'not_solved')
    """
    check_kind(run, Run, "run")
    check_called(on_epoch=on_epoch, monitor=run.monitor)
    return with_verdict(_performed(run, on_epoch, resume, epochs), run.data)


def with_verdict(result: Result, data: Dataset) -> Result:
    """The result with the verdict on it in its settings, if its run came to an end; without one if not."""
    settings = {name: value for name, value in result.settings.items() if name != VERDICT}
    if result.stopped not in CUT_SHORT and result.stopped != NOT_FINITE and result.history.epochs and data.total > 0:
        settings[VERDICT] = assess(result, data).summary
    return result._replace(settings=settings)


def _performed(
    run: Run, on_epoch: Callable[[Progress], None] | None, resume: Result | None, epochs: int | None
) -> Result:
    check(run)
    run = run.sized()
    result, run_progress = resume, RunProgress.planned([stage.epochs for stage in run.stages])
    if result is not None:
        require_present_version(result.settings)
        run_progress = RunProgress.of(result.settings, len(run.stages))
    if epochs is not None:
        run_progress = run_progress.towards(epochs, result.history.epochs if result else 0)
    while not run_progress.is_over:
        try:
            change = _next_change(run, run_progress, result)
            if change is not None:
                result = _changed(run, run_progress, result, change)
                continue
            result, run_progress = _fitted(run, run_progress, result, on_epoch)
        except KeyboardInterrupt:
            if result is None:
                raise
            return noted(result, run_progress, stopped=INTERRUPTED)
        if result.stopped in CUT_SHORT:
            break
    result = cast(Result, result)  # there is a stage, so there is a result
    return result._replace(model=result.onto(run.model)) if result.model is None else result


def _next_change(run: Run, run_progress: RunProgress, result: Result | None) -> AbstractStageAction | None:
    """What is to be done to the model before its next epoch; the changes that were are in the result's settings."""
    due = [action for stage in run.stages[: run_progress.ended + 1] for action in stage.actions]
    done = len(result.settings.get("changes", ())) if result else 0
    return due[done] if done < len(due) else None


def _changed(run: Run, run_progress: RunProgress, result: Result | None, change: AbstractStageAction) -> Result:
    """The result with its model changed, and how in its settings."""
    stage = run.with_solver(run.stages[run_progress.ended], History.empty())
    stage = _without(stage, _held(result), run.model)

    def fit(model: AbstractModel, epochs: int, hold: Sequence[str] = ()) -> Result:
        task = task_of(run._replace(model=model), _without(stage, hold, model), epochs, None, None)
        return require_whole(reconstruct(**task._asdict()))

    result = result or reconstruct(**task_of(run, stage, 0, None, None)._asdict())
    with CalledFrom(change, f"as a stage action before epoch {result.history.epochs + 1}"):
        changed = meant(change)(result.onto(run.model), run.model, fit)
    if not isinstance(changed, Changed):
        raise InputError(
            f"{type(change).__name__} gives a {type(changed).__name__}; expected Changed(model, summary) "
            "of pg.refinement, which says in words what was done."
        )
    if not isinstance(changed.model, AbstractModel):
        raise InputError(
            f"{type(change).__name__} gives a {type(changed.model).__name__} as the changed model; expected the model "
            "with arrays of the same paths and shapes."
        )
    _check_finite(change, changed.model, noted(result, run_progress, stopped=NOT_FINITE))
    return noted(result.continued_from(*changed, about=change.about), run_progress)


def _check_finite(change: AbstractStageAction, model: AbstractModel, before: Result) -> None:
    """Raise `NonFiniteError` for a stage action that leaves arrays which are not finite any more."""
    arrays = {path: array for path, array in arrays_of(model).items() if not np.isfinite(array).all()}
    made = [path for path in arrays if path not in before.arrays or np.isfinite(before.arrays[path]).all()]
    if made:
        epochs = before.history.epochs
        raise NonFiniteError(
            f"The stage action {type(change).__name__} leaves NaN or infinity in {', '.join(made)} before epoch "
            f"{epochs + 1}; expected finite numbers, so keep its roots, logarithms and quotients from 0. The result "
            f"after epoch {epochs} is kept.",
            before,
        )


def _held(result: Result | None) -> list[str]:
    """Paths of what changes so far have put back, and is not refined any more."""
    return [
        path for change in (result.settings.get("changes", ()) if result else ()) for path in change.get("hold", ())
    ]


def _without(stage: Stage, hold: Sequence[str], model: AbstractModel) -> Stage:
    """The stage with what is below the paths to `hold` not refined."""
    free = [path for path in stage.free(model) if not any(matches(path, held) or matches(held, path) for held in hold)]
    return stage._replace(trainable=tuple(free))


def _fitted(
    run: Run, run_progress: RunProgress, result: Result | None, on_epoch: Callable[[Progress], None] | None
) -> tuple[Result, RunProgress]:
    """The result after what is left of the present stage, and the course from there; as it was after an interrupt."""
    stage = _without(run.stages[run_progress.ended], _held(result), run.model)
    stage = run.with_solver(stage, result.history.first(run_progress.begin) if result else History.empty())
    until, done = stage.until if run_progress.goal is None else None, result.history.epochs if result else 0
    fitted_alike = run_progress.begin_of_alike([repr((s.noise, s.priors, constraints_of(s))) for s in run.stages])

    if result and done > run_progress.begin:
        _check_constraints_of(result, stage)

    def ask(history: History) -> str:
        with CalledFrom(until, f"as `until` after epoch {history.epochs}"):
            return until(history.with_monitored_after(fitted_alike)) if until else ""

    # A run that was killed after an epoch may not have asked any more whether that was the last one.
    reason = ask(result.history) if result and done > run_progress.begin else ""
    left = 0 if reason else run_progress.end - done

    def tell(progress: Progress) -> None:
        if on_epoch is not None:
            with CalledFrom(on_epoch, f"as `on_epoch` after epoch {progress.epoch}"):
                on_epoch(progress._replace(so_far=lambda: noted_here(progress.so_far())))

    task = task_of(run, stage, left, result, run_progress.total)
    changes = _solver_changes(result, stage)

    def noted_here(found: Result) -> Result:
        return noted(found._replace(settings=found.settings | changes), run_progress)

    try:
        result = reconstruct(**task._asdict(), until=ask, monitor=run.monitor, on_epoch=tell)
    except NonFiniteError as problem:
        raise NonFiniteError(str(problem), noted_here(problem.result)) from None
    result = noted_here(result)
    if result.stopped in CUT_SHORT:
        return result, run_progress
    reason = reason or result.stopped
    run_progress = run_progress.after(result.history.epochs, [stage.epochs for stage in run.stages], reason)
    return noted(result, run_progress, stopped=run_progress.reason or reason), run_progress


def _solver_changes(result: Result | None, stage: Stage) -> dict[str, list[dict]]:
    """For the settings: after which epochs another solver took over, with that of a stage that begins or goes on."""
    before, solver = list(result.settings.get(SOLVER_CHANGES, ())) if result else [], stage.solver
    if result and result.history.epochs and solver and result.settings["solver"] != solver.description:
        before.append({"after_epoch": result.history.epochs, "solver": solver.description})
    return {SOLVER_CHANGES: before} if before else {}


def _check_constraints_of(result: Result, stage: Stage) -> None:
    """Refuse a result that stands within a stage, and was fitted with other constraints than that has."""
    was, now = result.settings.get("constraints", {}), summary_of(stage.constraints)
    if was != now:
        there, here = (", ".join(f"{path}: {text}" for path, text in one.items()) or "none" for one in (was, now))
        raise InputError(
            f"The result to resume stands within a stage with other constraints ({there}) than this run has ({here}); "
            "give the same ones."
        )


def noted(result: Result, run_progress: RunProgress, **settings: str) -> Result:
    """The result with the course of its run in its settings."""
    return result._replace(settings=result.settings | run_progress.summary | settings)


def task_of(run: Run, stage: Stage, epochs: int, resume: Result | None, planned: int | None) -> Task:
    """What a stage asks for that begins where `resume` ends, or whose solver and batch are known by now."""
    stage = run.with_solver(stage, resume.history if resume else History.empty())
    return Task(
        run.model,
        run.data,
        cast(AbstractSolver, stage.solver),
        epochs,
        cast(int, stage.batch_size),
        stage.free(run.model),
        stage.noise,
        run.seed,
        resume,
        planned,
        run.devices,
        stage.priors,
        run.sampler,
        run.schedule,
        stage.constraints,
    )
