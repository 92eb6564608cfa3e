"""How much memory a program takes, read from the shapes of its arrays before it is compiled."""

import inspect
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

from ptychograd.data.dataset import Dataset
from ptychograd.fitting.devices import Devices
from ptychograd.fitting.epoch.compiled import Member, Patterns, one_epoch
from ptychograd.fitting.epoch.feed import Asked
from ptychograd.fitting.epoch.placing import shares_of
from ptychograd.fitting.epoch.streamed import Streamed, stays_in_file
from ptychograd.fitting.objective import Batch
from ptychograd.fitting.schedule import Plan
from ptychograd.fitting.shared import in_place
from ptychograd.physics.model import Group

LARGEST_TRANSFORM = 10**9  # bytes of the arrays of one call
SHARE_OF_ROOM = 0.7  # of what a device has left, for the waves of the patterns that it works on together


class Footprint(NamedTuple):
    """What a traced program makes beside its arguments, on one device.

    Attributes:
        peak: the most bytes alive at once, results among them, if nothing is fused and nothing done in place.
        transform: bytes of the largest array that is Fourier transformed.
        operations: how many there are, which is what a compiler has to work on.
    """

    peak: int
    transform: int
    operations: int


def footprint(function: Callable, *arguments: Any) -> Footprint:
    """What a function makes of these arguments, of which arrays may be shapes alone; nothing is computed."""
    closed, _, _ = eqx.filter_make_jaxpr(function)(*arguments)
    equations = list(_all_equations(closed.jaxpr))
    transforms = [_size(v) for one in equations if one.primitive.name == "fft" for v in one.invars + one.outvars]
    return Footprint(_peak(closed.jaxpr), max(transforms, default=0), len(equations))


def footprint_of_an_epoch(member: Member, data: Dataset, asked: Asked) -> Footprint:
    """What one epoch makes, or one part of it where patterns come block by block."""
    patterns, plan = arguments_of_an_epoch(data, asked)
    return footprint(inspect.unwrap(one_epoch), member, patterns, plan, asked.mesh)


def footprint_of_waves(member: Member, data: Dataset, asked: Asked) -> Footprint:
    """What the patterns make that are worked on together: waves, their derivatives and patches."""
    objective = replace(member.objective, devices=Devices())
    batch = _batch_of(data, asked, min(objective.at_once, asked.batch_size))

    def derived(variables: PyTree, batch: Batch) -> PyTree:
        place = in_place(objective, variables)
        return place.objective.value_and_gradient(place.variables, batch)

    return footprint(derived, member.variables, batch)


def arguments_of_an_epoch(data: Dataset, asked: Asked) -> tuple[Patterns, Plan]:
    """Shapes of patterns and plan of an epoch, over all devices."""
    begins = shares_of(data.count // asked.group, asked.mesh)
    sizes = [end - begin for begin, end in pairwise(begins)]
    if stays_in_file(data, asked):
        feed = Streamed(data, data.store, asked)
        sizes = [feed.size] * len(sizes)
        feed.close()
    rows, shares = asked.rows(sizes), len(sizes)
    frame = (asked.group,) * (asked.group > 1) + data.frame_shape
    shape = (shares * max(sizes), *frame)
    mask = data.frame_shape if data.mask.ndim == 2 else shape
    slots = (rows.steps, shares * rows.slots)
    one = jax.ShapeDtypeStruct
    numbers, weights, steps = one(slots, np.int32), one(slots, asked.real), one(slots[:1], asked.real)
    counts = one(shape, type_on_devices(data.patterns.dtype, asked.real))
    return Patterns(counts, one(mask, np.bool_)), Plan(numbers, numbers, weights, steps, steps)  # pyright: ignore


def type_on_devices(dtype: np.dtype, real: np.dtype) -> np.dtype:
    """The type that patterns have on the devices, near enough: counts of 64 bits become 32."""
    if dtype == np.float64:
        return np.dtype(real)
    return np.dtype(np.uint32) if dtype in (np.int64, np.uint64) else np.dtype(dtype)


def patterns_at_once(member: Member, data: Dataset, asked: Asked, room: int | None) -> int:
    """One pattern after another on a CPU, whose caches hold the waves of one; elsewhere as many as fit.

    Args:
        room: bytes that a device has left beside what it holds by now; None if nobody knows.
    """
    slots = -(-asked.batch_size // (1 if asked.mesh is None else asked.mesh.size))
    if jax.default_backend() == "cpu" or slots == 1:
        return 1
    few, more = (_step_of(member, data, asked, count) for count in (2, 4))
    each, transform = (more.peak - few.peak) // 2, (more.transform - few.transform) // 2
    fit = LARGEST_TRANSFORM // max(1, transform)
    if room is not None:
        patterns, _ = arguments_of_an_epoch(data, asked)
        held = bytes_of(patterns) // (1 if asked.mesh is None else asked.mesh.size)
        left = room - held - bytes_of((member.variables, member.state)) - max(0, few.peak - 2 * each)
        fit = min(fit, int(SHARE_OF_ROOM * left) // max(1, each + transform))
    return chunk(slots, fit)


def chunk(size: int, most: int) -> int:
    """The size of equal parts of a batch, at most so many; a ragged last one only where equal ones would be small."""
    most = min(size, max(1, most))
    even = max(part for part in range(1, most + 1) if size % part == 0)
    return even if 2 * even >= most else -(-size // -(-size // most))


def room_on_device(device: Any = None) -> int | None:
    """Bytes that an accelerator has left for this process; None for a CPU."""
    stats = (device or jax.local_devices()[0]).memory_stats() or {}
    return stats["bytes_limit"] - stats.get("bytes_in_use", 0) if "bytes_limit" in stats else None


def bytes_of(tree: PyTree) -> int:
    """Bytes of all arrays of a tree, or of what has their shape."""
    leaves = (leaf for leaf in jax.tree.leaves(tree) if hasattr(leaf, "shape") and hasattr(leaf, "dtype"))
    return sum(math.prod(leaf.shape) * np.dtype(leaf.dtype).itemsize for leaf in leaves)


def _batch_of(data: Dataset, asked: Asked, count: int) -> Batch:
    """The shapes of a batch of so many patterns."""
    (counts, mask), _ = arguments_of_an_epoch(data, asked)
    one = jax.ShapeDtypeStruct
    mask = one((count, *mask.shape[1:]), mask.dtype) if mask.ndim == counts.ndim else mask
    counts, numbers = one((count, *counts.shape[1:]), counts.dtype), one((count,), np.int32)
    group = jax.eval_shape(Group, numbers)
    return Batch(group, counts, mask, one((count,), asked.real), one((), asked.real))  # pyright: ignore


def _step_of(member: Member, data: Dataset, asked: Asked, count: int) -> Footprint:
    """What a step makes of so many patterns, all at once."""
    objective = replace(member.objective, at_once=count, devices=Devices())
    return footprint(member.solver.step, objective, member.variables, _batch_of(data, asked, count), member.state)


def _peak(program: Any) -> int:
    """The most bytes alive at once of all that a program makes, each array from its making to its last use."""
    last = {v: place for place, one in enumerate(program.eqns) for v in one.invars if not _is_literal(v)}
    retained = {v for v in program.outvars if not _is_literal(v)}
    alive: dict[Any, int] = {}
    now = most = 0
    for place, one in enumerate(program.eqns):
        most = max(most, now + max((_peak(inner) for inner in _inside(one)), default=0))
        alive |= {v: _size(v) for v in one.outvars}
        now += sum(map(_size, one.outvars))
        most = max(most, now)
        for v in {v for v in one.invars + one.outvars if not _is_literal(v)}:
            if v in alive and v not in retained and last.get(v, place) <= place:
                now -= alive.pop(v)
    return most


def _all_equations(program: Any) -> Iterator[Any]:
    for one in program.eqns:
        yield one
        for inner in _inside(one):
            yield from _all_equations(inner)


def _inside(equation: Any) -> Iterator[Any]:
    """Programs within an operation: the body of a loop, the branches of a condition."""
    for value in equation.params.values():
        for part in value if isinstance(value, tuple | list) else (value,):
            part = getattr(part, "jaxpr", part)
            if hasattr(part, "eqns"):
                yield part


def _is_literal(variable: Any) -> bool:
    return hasattr(variable, "val")


def _size(variable: Any) -> int:
    shape, dtype = getattr(variable.aval, "shape", ()), getattr(variable.aval, "dtype", None)
    return math.prod(shape) * getattr(dtype, "itemsize", 4)
