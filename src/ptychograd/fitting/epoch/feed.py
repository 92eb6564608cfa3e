"""What brings patterns to the devices: all of them once, or block by block out of a file."""

import abc
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jax.sharding import Mesh

from ptychograd.core.memory import aligned_empty
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.epoch.compiled import Patterns
from ptychograd.fitting.epoch.placing import EVERYWHERE, PART, WHERE, own_shares, placed, placed_shares, shares_of
from ptychograd.fitting.epoch.sampling import AbstractSampler, Draw, Shuffled, checked_order
from ptychograd.fitting.schedule import AbstractSchedule, LateCooling, Plan, StepShape, checked_cooling, planned


class Asked(NamedTuple):
    """What an epoch is to be like: patterns taken together (a `group`), groups of a batch, devices, real type.

    `sampler` gives the order of patterns, `schedule` how steps get smaller.
    """

    group: int
    batch_size: int
    mesh: Mesh | None
    real: np.dtype
    sampler: AbstractSampler = Shuffled()
    schedule: AbstractSchedule = LateCooling()

    def rows(self, sizes: Sequence[int]) -> StepShape:
        """The rows of a plan that takes as much from each of several shares of these sizes."""
        each = -(-self.batch_size // len(sizes))
        return StepShape.of(max(sizes), each, 1 if self.mesh is None else self.mesh.shape[PART])

    def on_devices(self, plan: Plan) -> Plan:
        """The plan where it is worked on."""
        return Plan._make(placed(array, self.mesh, where) for array, where in zip(plan, WHERE, strict=True))

    def cool(self, done: int, last: int, steps: int) -> np.ndarray:
        """How far a run has cooled at each step of the epoch after `done` ones."""
        before, after = (checked_cooling(self.schedule, epochs, last) for epochs in (done, done + 1))
        return np.linspace(before, after, steps, dtype=self.real)


class Feed(abc.ABC):
    """Patterns and plan of one epoch after another, in one part or in several."""

    @abc.abstractmethod
    def epoch(self, seed: int, done: int, last: int) -> Iterator[tuple[Patterns, Plan]]:
        """The parts of the epoch after `done` ones, of a run that ends with the epoch `last`."""

    @property
    @abc.abstractmethod
    def photons(self) -> float:
        """Measured in an epoch, on valid pixels."""

    @property
    @abc.abstractmethod
    def count(self) -> int:
        """Patterns of an epoch."""

    def close(self) -> None:  # noqa: B027  nothing to do unless a feed has more than arrays
        """No more epochs are wanted."""


class Resident(Feed):
    """All patterns on the devices, each share of them on its own, from the first epoch to the last."""

    def __init__(self, data: Dataset, asked: Asked):
        self._data, self._asked = data, asked
        self._begins = shares_of(data.count // asked.group, asked.mesh)
        self._sizes = [end - begin for begin, end in pairwise(self._begins)]
        size = max(self._sizes)
        shares = {number: self._share(number) for number in own_shares(asked.mesh)}
        mask = next(iter(shares.values())).mask
        if mask.ndim == shares[min(shares)].counts.ndim:
            mask = placed_shares({number: share.mask for number, share in shares.items()}, size, asked.mesh)
        else:
            mask = placed(mask, asked.mesh, EVERYWHERE)
        counts = placed_shares({number: share.counts for number, share in shares.items()}, size, asked.mesh)
        self.patterns = Patterns(counts, mask)

    def _share(self, number: int) -> "Frames":
        begin, end, group = self._begins[number], self._begins[number + 1], self._asked.group
        return frames(self._data, slice(begin * group, end * group), self._asked)

    def epoch(self, seed, done, last):
        yield self.patterns, self._asked.on_devices(self.plan(seed, done, last))

    def plan(self, seed: int, done: int, last: int) -> Plan:
        """The plan of the epoch after `done` ones, not on a device yet."""
        rows = self._asked.rows(self._sizes)
        numbers = [np.arange(begin, end) for begin, end in pairwise(self._begins)]
        orders = [
            checked_order(self._asked.sampler, own, Draw(seed, done, share)) - own[0] if len(own) else own
            for share, own in enumerate(numbers)
        ]
        return planned(orders, numbers, rows, self._asked.cool(done, last, rows.steps))

    @property
    def photons(self):
        return self._data.total

    @property
    def count(self):
        return self._data.count


class Frames(NamedTuple):
    """Some patterns and their mask as the devices take them, still on the host."""

    counts: np.ndarray
    mask: np.ndarray


def frames(data: Dataset, which: slice | np.ndarray, asked: Asked) -> Frames:
    """Patterns of these numbers, in the detector's type where the devices have it, those of a group together."""
    counts, mask = data.frames(which)
    if asked.group > 1:
        counts = counts.reshape(-1, asked.group, *data.frame_shape)
        mask = mask if mask.ndim == 2 else mask.reshape(counts.shape)
    if counts.dtype in (np.int64, np.uint64):
        # while it grows, who knows what counts will come
        fits = not data.grows and data.largest <= np.iinfo(np.uint32).max
        counts = _converted(counts, np.dtype(np.uint32) if fits else asked.real)
    elif counts.dtype == np.float64:
        counts = _converted(counts, asked.real)
    return Frames(counts, mask)


def _converted(counts: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Patterns in another type, where a CPU device takes them without one more copy."""
    if counts.dtype == dtype:
        return counts
    fresh = aligned_empty(counts.shape, dtype)
    np.copyto(fresh, counts, casting="unsafe")
    return fresh
