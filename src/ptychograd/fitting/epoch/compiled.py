"""One epoch as one compiled program: a scan over minibatches, with nothing on the host between them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Int, PyTree, Real, UInt

from ptychograd.core.compilable import on_device
from ptychograd.core.parameters import named_parameters
from ptychograd.core.strict import full_precision, meant
from ptychograd.fitting import schedule as _schedule
from ptychograd.fitting.epoch.placing import BY_SHARE, EVERYWHERE, WHERE
from ptychograd.fitting.objective import Batch, Objective, Value
from ptychograd.fitting.projections import projected
from ptychograd.fitting.schedule import Plan
from ptychograd.fitting.solvers.base import check_step
from ptychograd.physics.batching import batched
from ptychograd.physics.model import AbstractModel, Group, shares_work

# On a CPU a device is one thread's work. With XLA's pool of threads an epoch takes as long (64 x 64 to 512 x 512
# pixels, two cores), and the pool, which runs of a sweep would share, is reported to deadlock (PyAutoFit #1530).
ONE_THREAD = {"xla_cpu_multi_thread_eigen": False}
_compiled = cast(Callable, partial(eqx.filter_jit, compiler_options=ONE_THREAD))  # pyright: ignore[reportCallIssue]

ROWS_AT_ONCE = 64  # on an accelerator, of `of_each`


class Patterns(NamedTuple):
    """The measured data on the device, in the detector's own dtype."""

    counts: Real[Array, "place *detector"]
    mask: Bool[Array, "*detector"] | Bool[Array, "place *detector"]


class After(NamedTuple):
    """What an epoch leaves: parameters, solver state, summed value, and what of the parameters is finite."""

    variables: PyTree
    state: PyTree
    value: Value
    finite: dict[str, Bool[Array, "..."]]


class Member(NamedTuple):
    """What one run of several has of its own: physics, solver, parameters and solver state."""

    objective: Objective
    solver: PyTree
    variables: PyTree
    state: PyTree


@_compiled
def one_epoch(member: Member, patterns: Patterns, plan: Plan, mesh: Mesh | None = None) -> After:
    """All patterns of a plan once, each batch spread over the devices of a mesh, if there is one."""
    if mesh is None:
        return _epoch(member, patterns, plan)
    arrays, static = eqx.partition(member, eqx.is_array)

    def on_each(arrays, patterns, plan):
        return _epoch(eqx.combine(arrays, static), patterns, plan)

    mask = EVERYWHERE if patterns.mask.ndim < patterns.counts.ndim else BY_SHARE
    where = (EVERYWHERE, Patterns._make([BY_SHARE, mask]), Plan._make(WHERE))
    spread = jax.shard_map(on_each, mesh=mesh, in_specs=where, out_specs=EVERYWHERE, check_vma=False)
    return spread(arrays, patterns, plan)


@_compiled
def one_epoch_of_all(members: Member, patterns: Patterns, plans: Plan) -> After:
    """All patterns once for several runs side by side; their arrays are stacked along a first axis."""
    arrays, static = eqx.partition(members, eqx.is_array)

    def one(arrays, plan):
        return _epoch(eqx.combine(arrays, static), patterns, plan)

    return batched(one, (0, 0))(arrays, plans)


@_compiled
def of_each(function: Callable[[PyTree, PyTree], PyTree], shared: PyTree, rows: PyTree) -> PyTree:
    """`function(shared, row)` of every row of arrays, a few at once on an accelerator; compiled once for a function."""
    size = None if jax.default_backend() == "cpu" else ROWS_AT_ONCE
    with full_precision():
        return jax.lax.map(lambda row: function(shared, row), rows, batch_size=size)


@partial(jax.jit, static_argnums=1)
def shuffled(order: UInt[Array, "2"], count: int) -> Int[Array, "count"]:
    """The numbers below `count` in the order of an epoch."""
    return _schedule.shuffled(order, count)


def _epoch(member: Member, patterns: Patterns, plan: Plan) -> After:
    with full_precision():
        return _all_steps(member, patterns, plan)


def _all_steps(member: Member, patterns: Patterns, plan: Plan) -> After:
    objective, solver, variables, state = member

    epoch_steps = solver.epoch_steps(objective, variables, state, plan.number.shape[1] * objective.devices.count)

    def step(carry, row):
        carried, total = carry
        mask = patterns.mask if patterns.mask.ndim < patterns.counts.ndim else _take(patterns.mask, row.place)
        batch = Batch(Group(row.number), _take(patterns.counts, row.place), mask, row.weight, row.cool, row.size)
        moved, value = epoch_steps.step(carried, batch)
        check_step(solver, carried, moved, value)
        return (moved, jax.tree.map(jnp.add, total, value)), None

    (carried, value), _ = jax.lax.scan(step, (epoch_steps.carried, Value.zero(plan.weight.dtype)), plan)
    variables, state = epoch_steps.end(carried)
    variables = projected(objective.projections, objective.scaled_back(objective.gauge_fixed(variables)))
    finite = {
        name: jnp.all(jnp.array([jnp.all(jnp.isfinite(plane)) for plane in jax.tree.leaves(leaf)]))
        for name, leaf in named_parameters(variables).items()
    }
    return After(variables, state, value, finite)


def alike(one: Member, other: Member) -> bool:
    """Whether two runs differ in nothing but the numbers in their arrays, so that one program serves both."""
    (arrays, static), (others, other_static) = (eqx.partition(member, eqx.is_array) for member in (one, other))
    shapes, other_shapes = (jax.tree.map(lambda x: (x.shape, x.dtype), tree) for tree in (arrays, others))
    return shapes == other_shapes and bool(eqx.tree_equal(static, other_static))


def stack(trees: Sequence[PyTree]) -> PyTree:
    """Runs that are `alike` as one, every array with a first axis for the run."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves) if eqx.is_array(leaves[0]) else leaves[0], *trees)


@meant
def unstack(tree: PyTree, count: int) -> list[PyTree]:
    """Undo `stack`."""
    return [jax.tree.map(lambda leaf, k=k: leaf[k] if eqx.is_array(leaf) else leaf, tree) for k in range(count)]


def bytes_of_an_epoch(member: Member, patterns: Patterns, plan: Plan) -> int:
    """Memory of the device that one compiled epoch takes beside the patterns: in, out, and in between."""
    program = one_epoch.lower(member, patterns, plan)  # pyright: ignore[reportFunctionMemberAccess]
    used = program.compile().compiled.memory_analysis()
    total = used.argument_size_in_bytes + used.output_size_in_bytes + used.temp_size_in_bytes
    return total - sum(array.nbytes for array in patterns)


def device_memory() -> int | None:
    """Bytes that the device has for this process; None for a CPU, which shares its memory with all others."""
    return (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")


@meant
def called(model: AbstractModel) -> AbstractModel:
    """The model on the device in whose place calls are made (see `AbstractModel.shared`), computed once."""
    there = on_device(model)
    return _shared(there) if shares_work(there) else there


@_compiled
def _shared(model: AbstractModel) -> AbstractModel:
    with full_precision():
        return model.shared()


@meant
def traced(knobs: PyTree, real: np.dtype) -> PyTree:
    """A solver, prior or noise model with its numbers as arrays of a real type: one program serves all their values."""

    def as_array(leaf: PyTree) -> PyTree:
        is_array = isinstance(leaf, jax.Array | np.ndarray) and jnp.issubdtype(leaf.dtype, jnp.floating)
        return jnp.asarray(leaf, real) if is_array or isinstance(leaf, float | np.floating) else leaf

    return jax.tree.map(as_array, knobs)


def _take(array: Array, index: Int[Array, "batch"]) -> Array:
    if index.shape[0] == 1:
        return jax.lax.dynamic_index_in_dim(array, index[0])
    return array[index]
