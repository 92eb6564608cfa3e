"""The plan of a run: which patterns make up which minibatch, and when the steps get smaller."""

import abc
from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int, UInt

from ptychograd.core.errors import InputError
from ptychograd.core.strict import meant


class AbstractSchedule(eqx.Module):
    """Base class of schedules: how far a run has cooled, from 0 for full steps to 1 for the smallest.

    A subclass gives `cooling`. It is asked at the beginning and at the end of every epoch; the steps between have what
    lies between. A solver of your own finds it as `batch.cooling`; `Nesterov` multiplies its steps by
    0.02 + 0.98 (1 + cos π c) / 2, and in a near field shortens its memory with it, and `Optax` has schedules of its
    own.

    Example:
        >>> class FromTheStart(pg.fitting.AbstractSchedule):
        ...     def cooling(self, done, last):
        ...         return done / last
        >>> found = pg.reconstruct(model, data, pg.Nesterov(), epochs=1, batch_size=14, schedule=FromTheStart())
        >>> found.settings["schedule"]
        'FromTheStart()'
    """

    @property
    def description(self) -> str:
        """One line for a person and the result file, by default the fields."""
        return repr(self)

    @abc.abstractmethod
    def cooling(self, done: int, last: int) -> float:
        """How far a run of `last` epochs has cooled after `done` of them, from 0 to 1."""


class LateCooling(AbstractSchedule):
    """Full steps at first, and then smaller ones, in a straight line to the end of the run: the default.

    Args:
        warm: share of the epochs that are done with full steps, 0 or more and less than 1.

    Raises:
        InputError: for another share.

    Example:
        >>> pg.fitting.LateCooling().cooling(done=85, last=100)
        0.5
    """

    warm: float = 0.7

    def __check_init__(self):
        if not 0 <= self.warm < 1:
            raise InputError(f"Full steps for {self.warm:g} of the epochs; expected 0 or more and less than 1.")

    def cooling(self, done, last):
        return max(0.0, (done / last - self.warm) / (1 - self.warm))


def checked_cooling(schedule: AbstractSchedule, done: int, last: int) -> float:
    """What a schedule says; raises `InputError` where that is no number from 0 to 1."""
    found = schedule.cooling(done, last)
    if isinstance(found, jax.Array | np.ndarray) and np.shape(found) == ():
        found = meant(np.asarray)(found)[()]
    if not isinstance(found, (int, float, np.number)) or not 0 <= found <= 1:
        raise InputError(
            f"The schedule {type(schedule).__name__} gives {found!r} after {done} of {last} epochs; expected a number "
            "from 0, for full steps, to 1."
        )
    return float(found)


class Plan(NamedTuple):
    """The batches of an epoch, or of a part of it, one row a step.

    `number` is that of a pattern in the scan, `place` where it is among the patterns at hand; `weight` is 0 where a
    row is filled up, else 1; `size` is the sum of a row's weights, `cool` how far the run has cooled.
    """

    number: Int[Array | np.ndarray, "*run step slot"]
    place: Int[Array | np.ndarray, "*run step slot"]
    weight: Float[Array | np.ndarray, "*run step slot"]
    size: Float[Array | np.ndarray, "*run step"]
    cool: Float[Array | np.ndarray, "*run step"]


class StepShape(NamedTuple):
    """How many steps there are, and how many slots for patterns each has."""

    steps: int
    slots: int

    @classmethod
    def of(cls, count: int, batch_size: int, multiple: int = 1) -> "StepShape":
        """As few steps as batches of `batch_size` allow; slots are filled up to a `multiple`."""
        steps = -(-count // batch_size)
        most = -(-count // steps)
        return cls(steps, -(-most // multiple) * multiple)


def shuffled(order: UInt[Array, "2"], count: int) -> Int[Array, "count"]:
    """The numbers below `count` in the order of an epoch, which seed and number of the epoch say alone."""
    key = jax.random.fold_in(jax.random.key(order[0]), order[1])
    return jax.random.permutation(key, count)


def planned(orders: Sequence[np.ndarray], numbers: Sequence[np.ndarray], rows: StepShape, cool: np.ndarray) -> Plan:
    """Batches that take their patterns from each of several shares in equal parts, in the order of each share.

    Args:
        orders: for each share the places of its patterns.
        numbers: for each share the number of the pattern at each place.
        rows: slots are those of each share.
        cool: how far the run has cooled at each step.
    """
    number, place, weight = (
        np.concatenate(parts, axis=1)
        for parts in zip(*(_filled(*share, rows) for share in zip(orders, numbers, strict=True)), strict=True)
    )
    weight = weight.astype(cool.dtype)
    return Plan(number, place, weight, weight.sum(axis=1), cool)


def _filled(order: np.ndarray, numbers: np.ndarray, rows: StepShape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of nearly equal numbers of patterns; sizes differ by one, and what is left is filled up with weight 0."""
    first = np.arange(rows.steps + 1) * len(order) // rows.steps
    if not len(order):  # a share may have no pattern in a part of an epoch
        order = numbers = np.zeros(1, np.int32)
    slot = first[:-1, None] + np.arange(rows.slots)
    used = slot < first[1:, None]
    place = np.asarray(order, np.int32)[np.where(used, slot, 0)]
    return np.asarray(numbers, np.int32)[place], place, used
