"""The order in which an epoch takes its patterns, and so which of them make up a batch."""

import abc
from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Int

from ptychograd.core.errors import InputError
from ptychograd.fitting.epoch.compiled import shuffled

Blocks = list[tuple[np.ndarray, np.ndarray]]


class Draw(NamedTuple):
    """Which epoch of which run an order is drawn for; equal ones have to give equal orders.

    Args:
        seed: of the run.
        epoch: epochs done before this one.
        share: number of the part of the patterns that is asked for, where several hosts or accelerators hold one each;
            0 where one holds all.

    Example:
        >>> draw = pg.fitting.Draw(seed=0, epoch=3, share=0)
        >>> bool((draw.random.permutation(9) == draw.random.permutation(9)).all())
        True
    """

    seed: int
    epoch: int
    share: int

    @property
    def random(self) -> np.random.Generator:
        """Random numbers that follow from seed, epoch and share alone; each time anew, from the first."""
        return np.random.default_rng([self.seed, self.epoch, self.share])


class AbstractSampler(eqx.Module):
    """Base class of samplers: the order in which an epoch takes its patterns.

    A subclass gives `order`. Patterns that follow one another make up a batch. Its fields, if it has some, are what
    it knows of the scan, as positions. The result's settings name it, and a run goes on with the same one alone.

    Example:
        >>> class Backwards(pg.fitting.AbstractSampler):
        ...     def order(self, numbers, draw):
        ...         return numbers[::-1]
        >>> found = pg.reconstruct(model, data, pg.Nesterov(), epochs=1, batch_size=14, sampler=Backwards())
        >>> found.settings["sampler"]
        'Backwards()'
    """

    @property
    def description(self) -> str:
        """One line for a person and the result file, by default the fields."""
        return repr(self)

    @abc.abstractmethod
    def order(self, numbers: Int[np.ndarray, "pattern"], draw: Draw) -> Int[np.ndarray, "pattern"]:
        """The numbers of the patterns (groups of them) at hand, each once, in the order in which they are used.

        They rise by one as they come, from the first of the share. What is random has to come from `draw`.
        """

    def in_blocks(self, numbers: Int[np.ndarray, "pattern"], count: int, run: int, draw: Draw) -> Blocks:
        """The order in so many blocks, each read at once out of a file: its patterns as they lie there, and their use.

        `run` patterns lie together in the file.
        """
        parts = [(np.sort(part), part) for part in np.array_split(checked_order(self, numbers, draw), count)]
        return [(stored, np.searchsorted(stored, part)) for stored, part in parts]


class Shuffled(AbstractSampler):
    """Patterns in random order, another one in every epoch: the default.

    Patterns that stay in their file are shuffled in runs that lie together there, and once more inside each block.

    Example:
        >>> pg.fitting.Shuffled().description
        'Shuffled()'
    """

    def order(self, numbers, draw):
        if draw.share == 0:
            text = np.array([draw.seed, draw.epoch], np.uint32)
            return numbers[np.asarray(jax.device_get(shuffled(jax.device_put(text), len(numbers))))]
        return numbers[draw.random.permutation(len(numbers))]

    def in_blocks(self, numbers, count, run, draw):
        random, end = draw.random, len(numbers)
        starts = random.permutation(np.arange(0, end, run))
        places = np.concatenate([np.arange(start, min(start + run, end)) for start in starts])
        parts = np.array_split(numbers[places], count)
        return [(part, random.permutation(len(part))) for part in parts]


def checked_order(
    sampler: AbstractSampler, numbers: Int[np.ndarray, "pattern"], draw: Draw
) -> Int[np.ndarray, "pattern"]:
    """The order of a sampler; raises `InputError` where it repeats patterns or leaves some out."""
    order = np.asarray(sampler.order(numbers, draw))
    if order.ndim != 1 or order.dtype.kind not in "iu":
        raise InputError(
            f"The sampler {type(sampler).__name__} gives {order.dtype}{list(order.shape)}; expected the numbers of "
            f"{len(numbers)} patterns in another order."
        )
    if not np.array_equal(np.sort(order), numbers):
        found, times = np.unique(order, return_counts=True)
        wrong = {
            "repeats": found[times > 1],
            "leaves out": np.setdiff1d(numbers, order),
            "invents": np.setdiff1d(order, numbers),
        }
        text = ", ".join(
            f"{what} {len(which)} (pattern {which[0]}, ...)" for what, which in wrong.items() if len(which)
        )
        raise InputError(
            f"The sampler {type(sampler).__name__} {text} of {len(numbers)} patterns; expected each of them once."
        )
    return order
