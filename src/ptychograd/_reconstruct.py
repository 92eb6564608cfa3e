"""The loop: a compiled program an epoch, and nothing on the host between its minibatches."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, PyTree, Real

from ptychograd._dataset import Dataset
from ptychograd._errors import InputError, check_seed
from ptychograd._model import AbstractModel, Ptychography
from ptychograd._noise import AbstractNoise, Amplitude
from ptychograd._objective import Batch, Objective, Value
from ptychograd._parameters import join, named_leaves, named_parameters, partition, trainable_names
from ptychograd._result import History, NonFiniteError, Result
from ptychograd._schedule import batches, cooling
from ptychograd._solvers import AbstractSolver


class Progress(NamedTuple):
    """What `on_epoch` is told after each epoch; the first epoch's `seconds` include compilation."""

    epoch: int
    epochs: int
    loss: float
    r_factor: float
    seconds: float
    patterns_per_second: float


class Patterns(NamedTuple):
    """The measured data on the device, in the detector's own dtype."""

    counts: Real[Array, "index *detector"]
    mask: Bool[Array, "*detector"] | Bool[Array, "index *detector"]


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
    on_epoch: Callable[[Progress], None] | None = None,
) -> Result:
    """Refine the `trainable` parameters of `model` until it expects what `data` measured.

    An epoch goes once through all patterns, in minibatches of `batch_size`, in an order that depends
    on `seed` and the epoch's number alone. `noise` is `Amplitude()` (Eq. 7) unless given. A stage of a
    run is a call of its own: give the last result as `resume`, and parameters, counting, order and history
    go on from it; the solver's state goes on too, if solver and `trainable` are as before.
    `planned` is the number of epochs of the whole run, towards whose end solvers may take smaller
    steps; it is those done and `epochs` more unless given.

    A keyboard interrupt ends the run after the last whole epoch, with `result.stopped` saying so.
    Raises `InputError` for arguments that don't fit, and `NonFiniteError`, which holds the last good
    result, when a loss or parameter stops being a finite number.

    Example:
        model = far_field(data)
        result = reconstruct(model, data, adam({"object": 0.01, "probe": 1.0}), epochs=100, batch_size=32)
        result.save("result.h5")
    """
    model = model if resume is None else resume.onto(model)
    _check(model, data, epochs, batch_size, seed)
    parameters, rest = partition(model, trainable)
    names = tuple(trainable_names(model))
    objective = Objective(_on_device(rest), noise or Amplitude(), _at_once(batch_size), names)
    settings = _settings(solver, objective.noise, trainable, batch_size, seed)
    run = Run(solver.variables(parameters), None, resume.history if resume else History.empty())
    run = run._replace(state=_start_state(objective, solver, run.variables, settings, resume))
    last = planned or run.history.epochs + epochs
    work = Work(objective, solver, _to_device(data, _real_dtype(parameters)), data.total, batch_size, seed, last)
    stopped = "all epochs done"
    try:
        for _ in range(epochs):
            after, bad = _one_epoch(work, run)
            if bad:
                raise NonFiniteError(
                    f"{bad} stopped being finite in epoch {after.history.epochs}; take smaller steps or look "
                    f"for outliers in the patterns. The result after epoch {run.history.epochs} is kept.",
                    _result(rest, run, data.positions, settings, "not finite"),
                )
            run = after
            if on_epoch is not None:
                on_epoch(_progress(run.history, last, data.count))
    except KeyboardInterrupt:
        stopped = "interrupted"
    return _result(rest, run, data.positions, settings, stopped)


def check_solver(model: AbstractModel, solver: AbstractSolver, trainable: Sequence[str], noise: AbstractNoise) -> None:
    """Raise `InputError` if `solver` can't refine the `trainable` parameters of this model."""
    parameters, rest = partition(model, trainable)
    objective = Objective(_on_device(rest), noise, names=tuple(trainable_names(model)))
    solver.init(objective, solver.variables(parameters))


class Work(NamedTuple):
    """What stays the same from epoch to epoch; `photons` are the data's, `last` is the epoch that ends the run."""

    objective: Objective
    solver: AbstractSolver
    patterns: Patterns
    photons: float
    batch_size: int
    seed: int
    last: int


class Run(NamedTuple):
    """Where a run stands between two epochs."""

    variables: PyTree
    state: PyTree
    history: History


def _one_epoch(work: Work, run: Run) -> tuple[Run, str]:
    """The run after one more epoch, and the name of what is not finite in it, if anything."""
    start = time.perf_counter()
    done = run.history.epochs
    plan = (
        np.array([work.seed, done], np.uint32),
        np.array(cooling(done, work.last), _real_dtype(run.variables)),
    )
    variables, state, value, finite = _compiled_epoch(
        work.objective, work.solver, run.variables, run.state, work.patterns, plan, work.batch_size
    )
    value, finite = jax.device_get((value, finite))
    history = run.history.append(value, work.photons, time.perf_counter() - start)
    bad = [name for name, good in finite.items() if not good]
    return Run(variables, state, history), ", ".join(bad) or ("" if np.isfinite(value.loss) else "the loss")


@eqx.filter_jit
def _compiled_epoch(objective, solver, variables, state, patterns, plan, batch_size):
    """All patterns once: a scan over minibatches. Returns variables, state, summed value, what is finite."""
    order, cool = plan
    index, weight = batches(order, len(patterns.counts), batch_size, _real_dtype(variables))

    def step(carry, part):
        variables, state, total = carry
        index, weight, cool = part
        mask = patterns.mask if patterns.mask.ndim < patterns.counts.ndim else _take(patterns.mask, index)
        batch = Batch(index, _take(patterns.counts, index), mask, weight, cool)
        variables, state, value = solver.step(objective, variables, batch, state)
        return (variables, state, jax.tree.map(jnp.add, total, value)), None

    zero = Value(*(jnp.zeros((), weight.dtype),) * 2)
    (variables, state, value), _ = jax.lax.scan(
        step, (variables, state, zero), (index, weight, jnp.linspace(cool[0], cool[1], len(index)))
    )
    finite = {
        name: jnp.all(jnp.array([jnp.all(jnp.isfinite(plane)) for plane in jax.tree.leaves(leaf)]))
        for name, leaf in named_parameters(variables).items()
    }
    return variables, state, value, finite


def _at_once(batch_size: int) -> int:
    """One pattern after another on a CPU, whose caches hold the waves of one; the whole batch elsewhere."""
    return 1 if jax.default_backend() == "cpu" else batch_size


def _take(array: Array, index: Int[Array, "batch"]) -> Array:
    if index.shape[0] == 1:
        return jax.lax.dynamic_index_in_dim(array, index[0])
    return array[index]


def _real_dtype(parameters: PyTree) -> np.dtype:
    return np.dtype(jnp.result_type(*jax.tree.leaves(parameters)).type(0).real.dtype)


def _to_device(data: Dataset, real: np.dtype) -> Patterns:
    """Patterns and mask on the device, in the detector's dtype where the device has it."""
    counts = data.patterns
    if counts.dtype in (np.int64, np.uint64):
        counts = counts.astype(np.uint32 if counts.max() <= np.iinfo(np.uint32).max else real)
    elif counts.dtype == np.float64:
        counts = counts.astype(real)
    return Patterns(jax.device_put(counts), jax.device_put(data.mask))


def _on_device(model: PyTree) -> PyTree:
    """The model with its NumPy arrays, which are constants, as JAX arrays, so that indices may be traced."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, model)


def _start_state(
    objective: Objective, solver: AbstractSolver, variables: PyTree, settings: dict, resume: Result | None
) -> PyTree:
    """A fresh state, or the one that `resume` ended with where solver and parameters are the same."""
    state = solver.init(objective, variables)
    kept = ("solver", "trainable")
    if resume is None or any(resume.settings.get(key) != settings[key] for key in kept):
        return state
    fresh, tree = named_leaves(state), jax.tree.structure(state)
    shapes = {name: np.shape(leaf) for name, leaf in fresh.items()}
    if shapes != {name: leaf.shape for name, leaf in resume.state.items()}:
        raise InputError(
            f'The result to resume holds the state of another "{settings["solver"]}"; give the same solver, or '
            "none of it by leaving `resume` out."
        )
    return tree.unflatten([jnp.asarray(resume.state[name], leaf.dtype) for name, leaf in fresh.items()])


def _settings(
    solver: AbstractSolver, noise: AbstractNoise, trainable: Sequence[str], batch_size: int, seed: int
) -> dict:
    return {
        "solver": solver.description,
        "noise": type(noise).__name__,
        "trainable": list(trainable),
        "batch_size": batch_size,
        "seed": seed,
    }


def _result(rest: AbstractModel, run: Run, positions: np.ndarray, settings: dict, stopped: str) -> Result:
    model = eqx.combine(join(run.variables), rest)
    state = {name: np.asarray(leaf) for name, leaf in named_leaves(run.state).items()}
    return Result.of(model, positions, state, run.history, settings | {"stopped": stopped})


def _progress(history: History, last: int, count: int) -> Progress:
    seconds = history.seconds[-1]
    return Progress(history.epochs, last, history.loss[-1], history.r_factor[-1], seconds, count / seconds)


def _check(model: AbstractModel, data: Dataset, epochs: int, batch_size: int, seed: int) -> None:
    if epochs < 0:
        raise InputError(f"{epochs} epochs; expected none or more.")
    if not 1 <= batch_size <= data.count:
        raise InputError(f"A batch of {batch_size} patterns can't be taken from {data.count}; give 1 to {data.count}.")
    check_seed(seed)
    if isinstance(model, Ptychography) and len(model.scan.corner) != data.count:
        raise InputError(
            f"The model's scan has {len(model.scan.corner)} positions, but the data hold {data.count} patterns; make "
            "the model from this dataset."
        )
    expected = jax.eval_shape(_on_device(model), jax.ShapeDtypeStruct((), np.int32))
    if expected.shape != data.frame_shape:
        raise InputError(
            f"The model expects patterns of {expected.shape} pixels, but the data hold {data.frame_shape}; "
            "make the model from this dataset."
        )
