"""A whole reconstruction as one thing: planned, then performed."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

from ptychograd._course import Course
from ptychograd._dataset import Dataset
from ptychograd._epoch import Device
from ptychograd._errors import InputError
from ptychograd._escapes import AbstractEscape
from ptychograd._model import AbstractModel
from ptychograd._noise import AbstractNoise, Amplitude
from ptychograd._parameters import matches
from ptychograd._priors import AbstractPrior
from ptychograd._reconstruct import (
    CUT_SHORT,
    INTERRUPTED,
    NOT_FINITE,
    Progress,
    Task,
    prepared,
    reconstruct,
)
from ptychograd._result import History, NonFiniteError, Result
from ptychograd._solvers import AbstractSolver
from ptychograd._verdict import VERDICT, judged_run


class Stage(NamedTuple):
    """Some epochs of a run with the same parameters free, the same noise model and the same priors.

    `until` may end it early, as `Settled()` does; the stages after it then shrink in proportion. `first` is done to
    the model before, as `ShrinkWrap()` does; solvers then start afresh.
    """

    epochs: int
    trainable: tuple[str, ...] = ("object", "probe")
    noise: AbstractNoise = Amplitude()
    until: Callable[[History], str] | None = None
    first: tuple[AbstractEscape, ...] = ()
    priors: tuple[AbstractPrior, ...] = ()


class Run(NamedTuple):
    """All that one reconstruction is asked for: start model, data, solver, and its stages one after another.

    `devices` share the patterns of every batch; one does all unless given. `watch` looks at held-out patterns (see
    `Watch`).
    """

    model: AbstractModel
    data: Dataset
    solver: AbstractSolver
    stages: tuple[Stage, ...]
    batch_size: int = 1
    seed: int = 0
    devices: tuple[Device, ...] | None = None
    watch: Callable[[int, Callable[[], Result]], float] | None = None

    @property
    def words(self) -> dict:
        """What is asked for but the start model, in words and numbers: equal for equal runs."""
        stages = [[stage.epochs, list(stage.trainable), *map(repr, stage[2:])] for stage in self.stages]
        return {
            "data": self.data.fingerprint,
            "solver": self.solver.description,
            "stages": stages,
            "batch_size": self.batch_size,
            "seed": self.seed,
        }


def check(run: Run) -> None:
    """Raise `InputError` for a run without a stage, and for what would be refused in any of them."""
    if isinstance(run.stages, Stage) or not run.stages:
        raise InputError("A run without a stage; give it one, as stages=(Stage(60),).")
    for task, stage in zip(tasks(run), run.stages, strict=True):
        if isinstance(stage.trainable, str):
            raise InputError(f'A stage refines "{stage.trainable}", a text; expected a tuple, as ("object", "probe").')
        prepared(task)
        for escape in stage.first:
            escape.check(run.model)


def tasks(run: Run) -> list[Task]:
    """What each stage asks for, as far as it can be told before the run."""
    return [task_of(run, stage, stage.epochs, None, None) for stage in run.stages]


def perform(
    run: Run,
    on_epoch: Callable[[Progress], None] | None = None,
    resume: Result | None = None,
    epochs: int | None = None,
) -> Result:
    """The result of a run; an interrupt ends it as it ends `reconstruct`.

    From a result of the same run, given as `resume`, it goes on as if it had never ended there: what was interrupted
    comes out bit for bit the same on a CPU. With `epochs` it goes on to that many in all: what is left of the stages
    is stretched, or the last stage goes on if nothing is, and no rule ends them early.

    A run that came to its end has the verdict on it (see `judged_run`) in words in `settings["verdict"]`.

    Example:
        result = perform(run, resume=load("interrupted.h5"))
    """
    return with_verdict(_performed(run, on_epoch, resume, epochs), run.data)


def with_verdict(result: Result, data: Dataset) -> Result:
    """The result with the verdict on it in its settings, if its run came to an end; without one if not."""
    settings = {name: value for name, value in result.settings.items() if name != VERDICT}
    if result.stopped not in CUT_SHORT and result.stopped != NOT_FINITE and result.history.epochs and data.total > 0:
        settings[VERDICT] = judged_run(result, data).words
    return result._replace(settings=settings)


def _performed(
    run: Run, on_epoch: Callable[[Progress], None] | None, resume: Result | None, epochs: int | None
) -> Result:
    check(run)
    result, course = resume, Course.planned([stage.epochs for stage in run.stages])
    if result is not None:
        course = Course.of(result.settings, len(run.stages))
    if epochs is not None:
        course = course.towards(epochs, result.history.epochs if result else 0)
    while not course.is_over:
        try:
            change = _next_change(run, course, result)
            if change is not None:
                result = _changed(run, course, result, change)
                continue
            result, course = _fitted(run, course, result, on_epoch)
        except KeyboardInterrupt:
            if result is None:
                raise
            return noted(result, course, stopped=INTERRUPTED)
        if result.stopped in CUT_SHORT:
            break
    result = cast(Result, result)  # there is a stage, so there is a result
    return result._replace(model=result.onto(run.model)) if result.model is None else result


def _next_change(run: Run, course: Course, result: Result | None) -> AbstractEscape | None:
    """What is to be done to the model before its next epoch; the changes that were are in the result's settings."""
    due = [escape for stage in run.stages[: course.ended + 1] for escape in stage.first]
    done = len(result.settings.get("changes", ())) if result else 0
    return due[done] if done < len(due) else None


def _changed(run: Run, course: Course, result: Result | None, change: AbstractEscape) -> Result:
    """The result with its model changed, and how in its settings."""
    stage = _without(run.stages[course.ended], _held(result))

    def fit(model: AbstractModel, epochs: int, hold: Sequence[str] = ()) -> Result:
        task = task_of(run._replace(model=model), _without(stage, hold), epochs, None, None)
        found = reconstruct(**task._asdict())
        if found.stopped in CUT_SHORT:
            raise KeyboardInterrupt
        return found

    result = result or reconstruct(**task_of(run, stage, 0, None, None)._asdict())
    changed = change(result.onto(run.model), run.model, fit)
    return noted(result.continued_from(*changed, about=change.about), course)


def _held(result: Result | None) -> list[str]:
    """Paths of what changes so far have put back, and is not refined any more."""
    return [
        path for change in (result.settings.get("changes", ()) if result else ()) for path in change.get("hold", ())
    ]


def _without(stage: Stage, hold: Sequence[str]) -> Stage:
    """The stage with what is below the paths to `hold` not refined."""
    free = [path for path in stage.trainable if not any(matches(path, held) or matches(held, path) for held in hold)]
    return stage._replace(trainable=tuple(free))


def _fitted(
    run: Run, course: Course, result: Result | None, on_epoch: Callable[[Progress], None] | None
) -> tuple[Result, Course]:
    """The result after what is left of the present stage, and the course from there; as it was after an interrupt."""
    stage = _without(run.stages[course.ended], _held(result))
    until, done = stage.until if course.goal is None else None, result.history.epochs if result else 0

    fitted_alike = course.begin_of_alike([repr((stage.noise, stage.priors)) for stage in run.stages])

    def ask(history: History) -> str:
        return until(history.with_looks_after(fitted_alike)) if until else ""

    # A run that was killed after an epoch may not have asked any more whether that was the last one.
    reason = ask(result.history) if result and done > course.begin else ""
    left = 0 if reason else course.end - done

    def tell(progress: Progress) -> None:
        if on_epoch is not None:
            on_epoch(progress._replace(so_far=lambda: noted(progress.so_far(), course)))

    task = task_of(run, stage, left, result, course.total)
    try:
        result = reconstruct(**task._asdict(), until=ask, watch=run.watch, on_epoch=tell)
    except NonFiniteError as problem:
        raise NonFiniteError(str(problem), noted(problem.result, course)) from None
    if result.stopped in CUT_SHORT:
        return noted(result, course), course
    reason = reason or result.stopped
    course = course.after(result.history.epochs, [stage.epochs for stage in run.stages], reason)
    return noted(result, course, stopped=course.reason or reason), course


def noted(result: Result, course: Course, **settings: str) -> Result:
    """The result with the course of its run in its settings."""
    return result._replace(settings=result.settings | course.words | settings)


def task_of(run: Run, stage: Stage, epochs: int, resume: Result | None, planned: int | None) -> Task:
    return Task(
        run.model,
        run.data,
        run.solver,
        epochs,
        run.batch_size,
        stage.trainable,
        stage.noise,
        run.seed,
        resume,
        planned,
        run.devices,
        stage.priors,
    )
