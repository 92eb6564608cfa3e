"""The loop: a compiled program an epoch, and nothing on the host between its minibatches."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree, Real, UInt

from ptychograd._dataset import Dataset
from ptychograd._errors import InputError
from ptychograd._model import AbstractModel
from ptychograd._noise import AbstractNoise, Amplitude
from ptychograd._objective import Batch, Objective, Value
from ptychograd._parameters import named_leaves, named_parameters, partition
from ptychograd._result import History, NonFiniteError, Result
from ptychograd._solvers import AbstractSolver

WARM = 0.7  # of a run's epochs are done with full steps


class Progress(NamedTuple):
    """What `on_epoch` is told after each epoch; the first epoch's `seconds` include compilation."""

    epoch: int
    epochs: int
    loss: float
    r_factor: float
    seconds: float
    patterns_per_second: float


class Patterns(NamedTuple):
    """The measured data on the device, in the detector's own dtype, and their sum over valid pixels."""

    counts: Real[Array, "index *detector"]
    mask: Bool[Array, "*detector"] | Bool[Array, "index *detector"]
    total: float


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
    on_epoch: Callable[[Progress], None] | None = None,
) -> Result:
    """Refine the `trainable` parameters of `model` until it expects what `data` measured.

    An epoch goes once through all patterns, in minibatches of `batch_size`, in an order that depends
    on `seed` and the epoch's number alone. `noise` is `Amplitude()` (Eq. 7) unless given. A stage of a
    run is a call of its own: give the last result as `resume` and its model as `model`, and counting,
    order and history go on; the solver's state goes on too, if solver and `trainable` are as before.

    A keyboard interrupt ends the run after the last whole epoch, with `result.stopped` saying so.
    Raises `InputError` for arguments that don't fit, and `NonFiniteError`, which holds the last good
    result, when a loss or parameter stops being a finite number.

    Example:
        model = far_field(data)
        result = reconstruct(model, data, adam({"object": 0.01, "probe": 1.0}), epochs=100, batch_size=32)
        result.save("result.h5")
    """
    _check(model, data, epochs, batch_size)
    parameters, rest = partition(model, trainable)
    objective = Objective(rest, noise or Amplitude(), _at_once(batch_size))
    settings = _settings(solver, objective.noise, trainable, batch_size, seed)
    run = Run(solver.variables(parameters), None, resume.history if resume else History.empty())
    run = run._replace(state=_start_state(objective, solver, run.variables, settings, resume))
    patterns = _to_device(data, _real_dtype(parameters))
    last = run.history.epochs + epochs
    stopped = "all epochs done"
    try:
        for _ in range(epochs):
            after, bad = _one_epoch(
                objective, solver, run, patterns, _cooling(run.history.epochs, last), batch_size, seed
            )
            if bad:
                raise NonFiniteError(
                    f"{bad} stopped being finite in epoch {after.history.epochs}; take smaller steps or look "
                    f"for outliers in the patterns. The result after epoch {run.history.epochs} is kept.",
                    _result(objective, run, settings, "not finite"),
                )
            run = after
            if on_epoch is not None:
                on_epoch(_progress(run.history, last, data.count))
    except KeyboardInterrupt:
        stopped = "interrupted"
    return _result(objective, run, settings, stopped)


class Run(NamedTuple):
    """Where a run stands between two epochs."""

    variables: PyTree
    state: PyTree
    history: History


def _one_epoch(
    objective: Objective,
    solver: AbstractSolver,
    run: Run,
    patterns: Patterns,
    cooling: tuple[float, float],
    batch_size: int,
    seed: int,
) -> tuple[Run, str]:
    """The run after one more epoch, and the name of what is not finite in it, if anything."""
    start = time.perf_counter()
    order = np.array([seed, run.history.epochs], np.uint32)
    cooling = np.array(cooling, _real_dtype(run.variables))
    variables, state, value, finite = _compiled_epoch(
        objective, solver, run.variables, run.state, patterns, order, cooling, batch_size
    )
    value, finite = jax.device_get((value, finite))
    history = run.history.append(value, patterns.total, time.perf_counter() - start)
    bad = [name for name, good in finite.items() if not good]
    return Run(variables, state, history), ", ".join(bad) or ("" if np.isfinite(value.loss) else "the loss")


@eqx.filter_jit
def _compiled_epoch(objective, solver, variables, state, patterns, order, cooling, batch_size):
    """All patterns once: a scan over minibatches. Returns variables, state, summed value, what is finite."""
    index, weight = _plan(order, len(patterns.counts), batch_size, _real_dtype(variables))

    def step(carry, plan):
        variables, state, total = carry
        index, weight, cool = plan
        mask = patterns.mask if patterns.mask.ndim < patterns.counts.ndim else _take(patterns.mask, index)
        batch = Batch(index, _take(patterns.counts, index), mask, weight, cool)
        variables, state, value = solver.step(objective, variables, batch, state)
        return (variables, state, jax.tree.map(jnp.add, total, value)), None

    zero = Value(*(jnp.zeros((), weight.dtype),) * 2)
    (variables, state, value), _ = jax.lax.scan(
        step, (variables, state, zero), (index, weight, jnp.linspace(*cooling, len(index)))
    )
    finite = {
        name: jnp.all(jnp.array([jnp.all(jnp.isfinite(plane)) for plane in jax.tree.leaves(leaf)]))
        for name, leaf in named_parameters(variables).items()
    }
    return variables, state, value, finite


def _plan(
    order: UInt[Array, "2"], count: int, batch_size: int, real: np.dtype
) -> tuple[Int[Array, "step batch"], Float[Array, "step batch"]]:
    """Which patterns make up each minibatch of an epoch; a ragged last one is filled up with weight 0."""
    key = jax.random.fold_in(jax.random.key(order[0]), order[1])
    steps = -(-count // batch_size)
    shuffled = jax.random.permutation(key, count)
    place = jnp.arange(steps * batch_size)
    index = shuffled[place % count].reshape(steps, batch_size)
    weight = (place < count).astype(real).reshape(steps, batch_size)
    return index, weight


def _at_once(batch_size: int) -> int:
    """One pattern after another on a CPU, whose caches hold the waves of one; the whole batch elsewhere."""
    return 1 if jax.default_backend() == "cpu" else batch_size


def _cooling(done: int, last: int) -> tuple[float, float]:
    """How far a run of `last` epochs cools from the start to the end of its next one; not at all until 70 % are done."""
    before, after = (max(0.0, (epochs / last - WARM) / (1 - WARM)) for epochs in (done, done + 1))
    return before, after


def _take(array: Array, index: Int[Array, "batch"]) -> Array:
    if index.shape[0] == 1:
        return jax.lax.dynamic_index_in_dim(array, index[0])
    return array[index]


def _real_dtype(parameters: PyTree) -> np.dtype:
    return np.dtype(jnp.result_type(*jax.tree.leaves(parameters)).type(0).real.dtype)


def _to_device(data: Dataset, real: np.dtype) -> Patterns:
    """Patterns and mask on the device, in the detector's dtype where the device has it."""
    narrow = {np.dtype(np.int64): np.int32, np.dtype(np.uint64): np.uint32, np.dtype(np.float64): real}
    counts = data.patterns.astype(narrow.get(data.patterns.dtype, data.patterns.dtype), copy=False)
    return Patterns(jax.device_put(counts), jax.device_put(data.mask), data.total)


def _start_state(
    objective: Objective, solver: AbstractSolver, variables: PyTree, settings: dict, resume: Result | None
) -> PyTree:
    """A fresh state, or the one that `resume` ended with where solver and parameters are the same."""
    state = solver.init(objective, variables)
    kept = ("solver", "trainable")
    if resume is None or any(resume.settings.get(key) != settings[key] for key in kept):
        return state
    leaves, tree = jax.tree.flatten(state)
    stored = [resume.state[name] for name in named_leaves(state)]
    return tree.unflatten([jnp.asarray(old, new.dtype) for old, new in zip(stored, leaves, strict=True)])


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


def _result(objective: Objective, run: Run, settings: dict, stopped: str) -> Result:
    model = objective.model(run.variables)
    state = {name: np.asarray(leaf) for name, leaf in named_leaves(run.state).items()}
    return Result.of(model, state, run.history, settings | {"stopped": stopped})


def _progress(history: History, last: int, count: int) -> Progress:
    seconds = history.seconds[-1]
    return Progress(history.epochs, last, history.loss[-1], history.r_factor[-1], seconds, count / seconds)


def _check(model: AbstractModel, data: Dataset, epochs: int, batch_size: int) -> None:
    if epochs < 0:
        raise InputError(f"{epochs} epochs; expected none or more.")
    if not 1 <= batch_size <= data.count:
        raise InputError(
            f"A batch of {batch_size} patterns can't be taken from {data.count}; give 1 to {data.count}."
        )
    expected = jax.eval_shape(model, jax.ShapeDtypeStruct((), np.int32))
    if expected.shape != data.frame_shape:
        raise InputError(
            f"The model expects patterns of {expected.shape} pixels, but the data hold {data.frame_shape}; "
            "make the model from this dataset."
        )
