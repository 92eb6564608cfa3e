"""A whole reconstruction as one thing: planned, then performed, alone or among others."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import NamedTuple, cast

from ptychograd._course import Course
from ptychograd._dataset import Dataset
from ptychograd._epoch import Device, device_memory
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
    bytes_needed,
    can_go_together,
    prepared,
    reconstruct,
    reconstruct_together,
)
from ptychograd._result import History, NonFiniteError, Result
from ptychograd._solvers import AbstractSolver

SHARE_OF_MEMORY = 0.5  # of a device, for runs side by side


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
    if not run.stages:
        raise InputError("A run without a stage; give it one, as stages=(Stage(60),).")
    for task, stage in zip(tasks(run), run.stages, strict=True):
        prepared(task)
        for escape in stage.first:
            escape.check(run.model)


def tasks(run: Run) -> list[Task]:
    """What each stage asks for, as far as it can be told before the run."""
    return [_task(run, stage, stage.epochs, None, None) for stage in run.stages]


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

    Example:
        result = perform(run, resume=load("interrupted.h5"))
    """
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
            return _noted(result, course, stopped=INTERRUPTED)
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
        task = _task(run._replace(model=model), _without(stage, hold), epochs, None, None)
        found = reconstruct(**task._asdict())
        if found.stopped in CUT_SHORT:
            raise KeyboardInterrupt
        return found

    result = result or reconstruct(**_task(run, stage, 0, None, None)._asdict())
    changed = change(result.onto(run.model), run.model, fit)
    return _noted(result.continued_from(*changed, about=change.about), course)


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
            on_epoch(progress._replace(so_far=lambda: _noted(progress.so_far(), course)))

    task = _task(run, stage, left, result, course.total)
    try:
        result = reconstruct(**task._asdict(), until=ask, watch=run.watch, on_epoch=tell)
    except NonFiniteError as problem:
        raise NonFiniteError(str(problem), _noted(problem.result, course)) from None
    if result.stopped in CUT_SHORT:
        return _noted(result, course), course
    reason = reason or result.stopped
    course = course.after(result.history.epochs, [stage.epochs for stage in run.stages], reason)
    return _noted(result, course, stopped=course.reason or reason), course


def _noted(result: Result, course: Course, **settings: str) -> Result:
    """The result with the course of its run in its settings."""
    return result._replace(settings=result.settings | course.words | settings)


def perform_all(runs: Mapping[str, Run], at_once: int | None = None) -> Iterator[tuple[str, Result]]:
    """The results of several runs as they get done, each with its name; divergent ones are "not finite".

    Runs that differ in nothing but numbers share one compiled program. On a CPU each core takes one run
    after another. Elsewhere, and where `at_once` says how many, they are computed side by side in one
    program, as many as fit into memory. Whoever stops asking stops the runs.
    """
    left = dict(runs)
    for run in left.values():
        check(run)
    memory = device_memory()
    if memory is None and at_once is None:
        yield from _on_every_core(left)
        return
    while left:
        first = next(iter(left))
        size = at_once or _fitting(left[first], memory or 0)
        names = [name for name in left if size > 1 and _alike(left[first], left[name])][:size] or [first]
        together = [left.pop(name) for name in names]
        yield from zip(names, _side_by_side(together) if len(names) > 1 else [_to_its_end(together[0])], strict=True)


def _on_every_core(runs: Mapping[str, Run]) -> Iterator[tuple[str, Result]]:
    """A thread for each core: compiled programs hold no lock of Python's."""
    stop = threading.Event()

    def go_on(_: Progress) -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None) as pool:
        names = {pool.submit(_to_its_end, run, go_on): name for name, run in runs.items()}
        try:
            for future in as_completed(list(names)):
                yield names.pop(future), future.result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _task(run: Run, stage: Stage, epochs: int, resume: Result | None, planned: int | None) -> Task:
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


def _to_its_end(run: Run, on_epoch: Callable[[Progress], None] | None = None) -> Result:
    try:
        return perform(run, on_epoch)
    except NonFiniteError as problem:
        return problem.result


def _side_by_side(runs: Sequence[Run]) -> list[Result]:
    """Like `perform` for all of them, stage by stage."""
    results: list[Result | None] = [None] * len(runs)
    stages = runs[0].stages
    course = Course.planned([stage.epochs for stage in stages])
    for number, stage in enumerate(stages):
        going = [k for k, result in enumerate(results) if result is None or result.stopped != NOT_FINITE]
        tasks = [_task(runs[k], runs[k].stages[number], stage.epochs, results[k], course.total) for k in going]
        for k, result in zip(going, reconstruct_together(tasks) if tasks else [], strict=True):
            results[k] = _noted(result, course._replace(ended=number + (result.stopped != NOT_FINITE)))
    return [result for result in results if result is not None]


def _alike(one: Run, other: Run) -> bool:
    if one.watch or other.watch or any(stage.until or stage.first for stage in one.stages + other.stages):
        return False
    if len(one.stages) != len(other.stages):
        return False
    pairs = zip(one.stages, other.stages, strict=True)
    return all(can_go_together(_task(one, a, a.epochs, None, 1), _task(other, b, b.epochs, None, 1)) for a, b in pairs)


def _fitting(run: Run, memory: int) -> int:
    """How many runs like this one fit into that many bytes at once."""
    needed = max(bytes_needed(_task(run, stage, stage.epochs, None, None)) for stage in run.stages)
    return max(1, int((SHARE_OF_MEMORY * memory - run.data.patterns.nbytes) // needed))
