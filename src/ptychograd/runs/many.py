"""Several runs: on every core, or side by side in one compiled program."""

import os
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from typing import TypeVar

import jax

from ptychograd.core.errors import InputError
from ptychograd.fitting.epoch import device_memory
from ptychograd.fitting.reconstruction import NOT_FINITE, Progress, bytes_needed, can_go_together, reconstruct_together
from ptychograd.fitting.result import NonFiniteError, Result
from ptychograd.runs.progress import RunProgress
from ptychograd.runs.run import check, noted, perform, task_of, with_verdict
from ptychograd.runs.solver_choice import AbstractSolverChoice
from ptychograd.runs.stage import Run, Stage

SHARE_OF_MEMORY = 0.5  # of a device, for runs side by side
NO_MEMORY = "RESOURCE_EXHAUSTED"  # how XLA says so
TOO_LARGE = "The run needs more memory than there is; give a smaller batch, fewer modes, or a smaller part of the scan."
Found = TypeVar("Found")


def perform_all(runs: Mapping[str, Run], at_once: int | None = None) -> Iterator[tuple[str, Result]]:
    """The results of several runs as they get done, each with its name; divergent ones are "not finite".

    Runs that differ in nothing but numbers share one compiled program. On a CPU each core takes one run
    after another. Elsewhere, and where `at_once` says how many, they are computed side by side in one
    program, as many as fit into memory. Whoever stops asking stops the runs.
    """
    with closing(try_all(runs, at_once)) as found:
        for name, result in found:
            if isinstance(result, InputError):
                raise result
            yield name, result


def try_all(
    runs: Mapping[str, Run], at_once: int | None = None, check: Callable[[Run], None] = check
) -> Generator[tuple[str, Result | InputError]]:
    """`perform_all`, with what is wrong with a run in the place of its result: the others are performed all the same.

    `check` raises `InputError` for a run that is not to be begun; those come first.
    """
    left = dict(runs)
    for name, run in runs.items():
        try:
            check(run)
        except InputError as problem:
            del left[name]
            yield name, problem
    memory = device_memory()
    if memory is None and at_once is None:
        yield from _on_every_core(left)
        return
    while left:
        first = next(iter(left))
        size = at_once or _fitting(left[first], memory or 0)
        names = [name for name in left if size > 1 and _alike(left[first], left[name])][:size] or [first]
        yield from _together({name: left.pop(name) for name in names})


def _on_every_core(runs: Mapping[str, Run]) -> Iterator[tuple[str, Result | InputError]]:
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


def _together(runs: Mapping[str, Run]) -> Iterator[tuple[str, Result | InputError]]:
    """Side by side; one after another, if there is one, or if something is wrong with them together."""
    found = None
    if len(runs) > 1:
        found = _tried(lambda: _side_by_side(tuple(runs.values())))
    if found is None or isinstance(found, InputError):
        yield from ((name, _to_its_end(run)) for name, run in runs.items())
    else:
        yield from zip(runs, found, strict=True)


def _to_its_end(run: Run, on_epoch: Callable[[Progress], None] | None = None) -> Result | InputError:
    def to_its_end() -> Result:
        try:
            return perform(run, on_epoch)
        except NonFiniteError as problem:
            return problem.result

    return _tried(to_its_end)


def _tried(work: Callable[[], Found]) -> Found | InputError:
    """What some work gives, or why it can't be done; without its traceback, which would hold all arrays."""
    try:
        return work()
    except InputError as problem:
        return InputError(str(problem))
    except MemoryError:
        return InputError(TOO_LARGE)
    except jax.errors.JaxRuntimeError as problem:
        if NO_MEMORY not in str(problem):
            raise
        return InputError(TOO_LARGE)


def _side_by_side(runs: Sequence[Run]) -> list[Result]:
    """Like `perform` for all of them, stage by stage."""
    results: list[Result | None] = [None] * len(runs)
    stages = runs[0].stages
    run_progress = RunProgress.planned([stage.epochs for stage in stages])
    for number, stage in enumerate(stages):
        going = [k for k, result in enumerate(results) if result is None or result.stopped != NOT_FINITE]
        tasks = [task_of(runs[k], runs[k].stages[number], stage.epochs, results[k], run_progress.total) for k in going]
        for k, result in zip(going, reconstruct_together(tasks) if tasks else [], strict=True):
            results[k] = noted(result, run_progress._replace(ended=number + (result.stopped != NOT_FINITE)))
    ended = ((run, result) for run, result in zip(runs, results, strict=True) if result is not None)
    return [with_verdict(result, run.data) for run, result in ended]


def _alike(one: Run, other: Run) -> bool:
    if one.monitor or other.monitor or any(_goes_its_own_way(stage) for stage in one.stages + other.stages):
        return False
    if len(one.stages) != len(other.stages):
        return False
    pairs = zip(one.stages, other.stages, strict=True)
    return all(
        can_go_together(task_of(one, a, a.epochs, None, 1), task_of(other, b, b.epochs, None, 1)) for a, b in pairs
    )


def _goes_its_own_way(stage: Stage) -> bool:
    """Whether a stage depends on how its run has gone so far."""
    return bool(stage.until or stage.first) or isinstance(stage.solver, AbstractSolverChoice)


def _fitting(run: Run, memory: int) -> int:
    """How many runs like this one fit into that many bytes at once."""
    needed = max(bytes_needed(task_of(run, stage, stage.epochs, None, None)) for stage in run.stages)
    return max(1, int((SHARE_OF_MEMORY * memory - run.data.patterns.nbytes) // needed))
