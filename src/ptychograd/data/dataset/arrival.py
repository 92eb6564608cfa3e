"""Which patterns of a file that is still being written have come: room in the file is no pattern yet."""

import abc
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Int, Real

from ptychograd.core.errors import InputError


class Arrival(abc.ABC):
    """What tells which patterns have come."""

    @abc.abstractmethod
    def count(self) -> int:
        """The number after that of the last pattern that has come by now."""

    @abc.abstractmethod
    def came(
        self, numbers: Int[np.ndarray, " index"], patterns: Real[np.ndarray, "index y x"]
    ) -> Bool[np.ndarray, " index"]:
        """Which of these patterns, as they were read, have come."""


class Whole(Arrival):
    """All patterns of a file that nobody writes to any more."""

    def __init__(self, length: int):
        self.length = length

    def count(self):
        return self.length

    def came(self, numbers, patterns):
        return np.ones(len(numbers), bool)


class OfOthers(Arrival):
    """Patterns that are made of others, one of each: they have come with these.

    Args:
        count: the number after that of the last of the others that has come.
        came: which of the others, of these numbers, have come, as their file has them.
    """

    def __init__(
        self, count: Callable[[], int], came: Callable[[Int[np.ndarray, " index"]], Bool[np.ndarray, " index"]]
    ):
        self._count, self._came = count, came

    def count(self):
        return self._count()

    def came(self, numbers, patterns):
        return self._came(numbers)


class Counter(Arrival):
    """What the writer keeps beside the patterns: how many there are, or a number above 0 for each that is there.

    Args:
        read: that, as it is now; numbers of frames may begin at 0.
        length: patterns that the file has room for.
    """

    def __init__(self, read: Callable[[], np.ndarray], length: int):
        self.read, self.length = read, length

    def flags(self) -> Bool[np.ndarray, " index"]:
        """Which patterns have come."""
        counted = np.asarray(self.read())
        if counted.dtype.kind not in "biuf" or counted.ndim > 1:
            raise InputError(
                f"What counts patterns is {counted.dtype} of shape {counted.shape}; expected one number, "
                "or one for each."
            )
        numbers = np.arange(self.length)
        if counted.ndim == 0 or (counted.size == 1 and counted[0] <= self.length):
            return numbers < counted.ravel()[0]
        counted = counted[: self.length]
        there = np.zeros(self.length, bool)
        there[: counted.size] = (counted > 0) | (counted == numbers[: counted.size]) & (counted > 0).any() & (
            counted.dtype.kind != "b"
        )
        return there

    def count(self):
        return int(np.max(np.flatnonzero(self.flags()) + 1, initial=0))

    def came(self, numbers, patterns):
        return self.flags()[numbers]
