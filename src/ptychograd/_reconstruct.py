"""The loop over epochs: what a run begins with, when it ends, and what it ends with."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ptychograd._dataset import Dataset
from ptychograd._epoch import (
    After,
    Member,
    Plan,
    alike,
    bytes_of_an_epoch,
    on_device,
    one_epoch,
    one_epoch_of_all,
    patterns_at_once,
    stack,
    to_device,
    traced,
    unstack,
)
from ptychograd._errors import InputError, check_seed
from ptychograd._model import AbstractModel
from ptychograd._noise import AbstractNoise, Amplitude
from ptychograd._objective import Objective, Value
from ptychograd._parameters import join, named_leaves, partition, real_dtype, trainable_names
from ptychograd._result import History, NonFiniteError, Result
from ptychograd._scan import AbstractScan
from ptychograd._solvers import AbstractSolver

DONE, NOT_FINITE, INTERRUPTED = "all epochs done", "not finite", "interrupted"


class Progress(NamedTuple):
    """What `on_epoch` is told after each epoch; the first epoch's `seconds` include compilation.

    `so_far()` is the result as it stands.
    """

    epoch: int
    epochs: int
    loss: float
    r_factor: float
    seconds: float
    patterns_per_second: float
    so_far: Callable[[], Result]


def reconstruct(
    model: AbstractModel,
    data: Dataset,
    solver: AbstractSolver,
    *,
    epochs: int,
    batch_size: int = 1,
    trainable: Sequence[str] = ("object", "probe"),
    noise: AbstractNoise | None = None,
    seed: int = 0,
    resume: Result | None = None,
    planned: int | None = None,
    until: Callable[[History], str] | None = None,
    on_epoch: Callable[[Progress], None] | None = None,
) -> Result:
    """Refine the `trainable` parameters of `model` until it expects what `data` measured.

    An epoch goes once through all patterns, in minibatches of `batch_size`, in an order that depends
    on `seed` and the epoch's number alone. `noise` is `Amplitude()` (Eq. 7) unless given. A stage of a
    run is a call of its own: give the last result as `resume`, and parameters, counting, order and history
    go on from it; the solver's state goes on too, if solver and `trainable` are as before.
    `planned` is the number of epochs of the whole run, towards whose end solvers may take smaller
    steps; it is those done and `epochs` more unless given. `until` is asked after each epoch and ends the
    run with the reason that it gives, if any (see `Settled`).

    A keyboard interrupt ends the run after the last whole epoch, with `result.stopped` saying so.
    Raises `InputError` for arguments that don't fit, and `NonFiniteError`, which holds the last good
    result, when a loss or parameter stops being a finite number.

    Example:
        model = far_field(data)
        result = reconstruct(model, data, adam({"object": 0.01, "probe": 1.0}), epochs=100, batch_size=32)
        result.save("result.h5")
    """
    task = Task(model, data, solver, epochs, batch_size, tuple(trainable), noise or Amplitude(), seed, resume, planned)
    work, standing = prepared(task)
    patterns, stopped = to_device(data, work.real, work.group), DONE
    try:
        for _ in range(epochs):
            begin = time.perf_counter()
            after = one_epoch(standing.member, patterns, work.plan(standing.history), work.batch_size)
            value, finite = jax.device_get((after.value, after.finite))
            bad = _bad(value, finite)
            if bad:
                raise NonFiniteError(
                    f"{bad} stopped being finite in epoch {standing.history.epochs + 1}; take smaller steps or look "
                    f"for outliers in the patterns. The result after epoch {standing.history.epochs} is kept.",
                    _result(work, standing, NOT_FINITE),
                )
            standing = standing.moved(after, value, data.total, time.perf_counter() - begin)
            if on_epoch is not None:
                on_epoch(_progress(work, standing))
            reason = "" if until is None else until(standing.history)
            if reason:
                stopped = reason
                break
    except KeyboardInterrupt:
        stopped = INTERRUPTED
    return _result(work, standing, stopped)


class Task(NamedTuple):
    """The arguments of `reconstruct`."""

    model: AbstractModel
    data: Dataset
    solver: AbstractSolver
    epochs: int
    batch_size: int
    trainable: tuple[str, ...]
    noise: AbstractNoise
    seed: int = 0
    resume: Result | None = None
    planned: int | None = None


def reconstruct_together(tasks: Sequence[Task]) -> list[Result]:
    """The results of several tasks, computed side by side in one program.

    They share data, batch size, and numbers of epochs, and are `can_go_together`. One whose loss or
    parameters stop being finite ends there, `stopped` as "not finite", and disturbs no other.
    """
    works, standings = (list(parts) for parts in zip(*map(prepared, tasks), strict=True))
    data, count = tasks[0].data, len(tasks)
    patterns, good = to_device(data, works[0].real, works[0].group), [True] * count
    for _ in range(tasks[0].epochs):
        begin = time.perf_counter()
        plans = [work.plan(one.history) for work, one in zip(works, standings, strict=True)]
        together = Plan(*(np.stack(parts) for parts in zip(*plans, strict=True)))
        members = stack([one.member for one in standings])
        after = one_epoch_of_all(members, patterns, together, works[0].batch_size)
        values, finites = jax.device_get((after.value, after.finite))
        seconds = (time.perf_counter() - begin) / count
        for k, part in enumerate(unstack(after, count)):
            value = Value(*(total[k] for total in values))
            good[k] = good[k] and not _bad(value, {name: finite[k] for name, finite in finites.items()})
            if good[k]:
                standings[k] = standings[k].moved(part, value, data.total, seconds)
    ended = zip(works, standings, good, strict=True)
    return [_result(work, standing, DONE if fine else NOT_FINITE) for work, standing, fine in ended]


def can_go_together(one: Task, other: Task) -> bool:
    """Whether two tasks differ in nothing but numbers, so that one compiled program computes both."""
    same = ("epochs", "batch_size", "planned")
    if one.data is not other.data or any(getattr(one, name) != getattr(other, name) for name in same):
        return False
    return alike(prepared(one)[1].member, prepared(other)[1].member)


def bytes_needed(task: Task) -> int:
    """Memory of the device for one epoch of a task, beside its patterns."""
    work, standing = prepared(task)
    patterns = to_device(task.data, work.real, work.group)
    return bytes_of_an_epoch(standing.member, patterns, work.plan(standing.history), work.batch_size)


class Work(NamedTuple):
    """What stays the same from epoch to epoch; `rest` is what is not refined, `last` the epoch that ends the run.

    `batch_size` counts groups of patterns, `group` the patterns of each.
    """

    rest: PyTree
    real: np.dtype
    seed: int
    last: int
    batch_size: int
    group: int
    count: int
    positions: np.ndarray
    settings: dict

    def plan(self, history: History) -> Plan:
        """The plan of the next epoch."""
        return Plan.of(self.seed, history.epochs, self.last, self.real)


class Standing(NamedTuple):
    """Where a run stands between two epochs."""

    member: Member
    history: History

    def moved(self, after: After, value: Value, photons: float, seconds: float) -> "Standing":
        """Where it stands after one more epoch."""
        member = self.member._replace(variables=after.variables, state=after.state)
        return Standing(member, self.history.append(value, photons, seconds))


def prepared(task: Task) -> tuple[Work, Standing]:
    """Everything checked, and everything that the first epoch needs but the patterns."""
    resume, data = task.resume, task.data
    model = task.model if resume is None else resume.onto(task.model)
    _check(model, data, task.epochs, task.batch_size, task.seed)
    parameters, rest = partition(model, task.trainable)
    names = tuple(trainable_names(model))
    batch_size = max(1, task.batch_size // model.group)
    objective = Objective(on_device(rest), traced(task.noise), patterns_at_once(batch_size), names)
    variables = task.solver.variables(parameters)
    settings = _settings(task)
    history = resume.history if resume else History.empty()
    state = _start_state(objective, task.solver, variables, settings, resume)
    last = task.planned or history.epochs + task.epochs
    work = Work(
        rest, real_dtype(parameters), task.seed, last, batch_size, model.group, data.count, data.positions, settings
    )
    return work, Standing(Member(objective, traced(task.solver), variables, state), history)


def _bad(value: Value, finite: dict) -> str:
    """The names of what is not finite."""
    bad = [name for name, good in finite.items() if not good]
    return ", ".join(bad) or ("" if np.isfinite(value.loss) else "the loss")


def _start_state(
    objective: Objective, solver: AbstractSolver, variables: PyTree, settings: dict, resume: Result | None
) -> PyTree:
    """A fresh state, or the one that `resume` ended with, if it has one, where solver and parameters are the same."""
    state = solver.init(objective, variables)
    kept = ("solver", "trainable")
    if resume is None or not resume.state or any(resume.settings.get(key) != settings[key] for key in kept):
        return state
    fresh, tree = named_leaves(state), jax.tree.structure(state)
    shapes = {name: np.shape(leaf) for name, leaf in fresh.items()}
    if shapes != {name: leaf.shape for name, leaf in resume.state.items()}:
        raise InputError(
            f'The result to resume holds the state of another "{settings["solver"]}"; give the same solver, or '
            "none of it by leaving `resume` out."
        )
    return tree.unflatten([jnp.asarray(resume.state[name], leaf.dtype) for name, leaf in fresh.items()])


def _settings(task: Task) -> dict:
    geometry = task.data.geometry
    settings = {
        "solver": task.solver.description,
        "noise": repr(task.noise),
        "trainable": list(task.trainable),
        "batch_size": task.batch_size,
        "seed": task.seed,
        "geometry": geometry and {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(geometry).items()},
    }
    if task.resume is not None and "changes" in task.resume.settings:
        settings["changes"] = task.resume.settings["changes"]
    return settings


def _result(work: Work, standing: Standing, stopped: str) -> Result:
    model = eqx.combine(join(standing.member.variables), work.rest)
    state = {name: np.asarray(leaf) for name, leaf in named_leaves(standing.member.state).items()}
    return Result.of(model, work.positions, state, standing.history, work.settings | {"stopped": stopped})


def _progress(work: Work, standing: Standing) -> Progress:
    history = standing.history
    seconds = history.seconds[-1]
    speed = work.count / seconds
    facts = (history.epochs, work.last, history.loss[-1], history.r_factor[-1], seconds, speed)
    return Progress(*facts, lambda: _result(work, standing, "under way"))


def _check(model: AbstractModel, data: Dataset, epochs: int, batch_size: int, seed: int) -> None:
    if epochs < 0:
        raise InputError(f"{epochs} epochs; expected none or more.")
    if not 1 <= batch_size <= data.count:
        raise InputError(f"A batch of {batch_size} patterns can't be taken from {data.count}; give 1 to {data.count}.")
    check_seed(seed)
    if data.count % model.group:
        raise InputError(f"The model takes {model.group} patterns together, and {data.count} can't be divided by that.")
    scan = getattr(model, "scan", None)
    if isinstance(scan, AbstractScan) and len(scan.corner) * model.group != data.count:
        each = f" of {model.group} patterns each" if model.group > 1 else ""
        raise InputError(
            f"The model's scan has {len(scan.corner)} positions{each}, but the data hold {data.count} patterns; make "
            "the model from this dataset."
        )
    expected = jax.eval_shape(on_device(model), jax.ShapeDtypeStruct((), np.int32))
    if expected.shape != data.frame_shape:
        raise InputError(
            f"The model expects patterns of {expected.shape} pixels, but the data hold {data.frame_shape}; "
            "make the model from this dataset."
        )
