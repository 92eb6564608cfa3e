"""The plan of a run: which patterns make up which minibatch, and when the steps get smaller."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int, UInt

WARM = 0.7  # of a run's epochs are done with full steps


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


def cooling(done: int, last: int) -> tuple[float, float]:
    """How far a run of `last` epochs has cooled before and after its next one: from 70 % of them on."""
    before, after = (max(0.0, (epochs / last - WARM) / (1 - WARM)) for epochs in (done, done + 1))
    return before, after
