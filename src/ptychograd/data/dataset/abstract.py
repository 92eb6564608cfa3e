"""Patterns (index, y, x) wherever they are: what is asked of those in memory and of those in their file alike."""

import abc

import numpy as np
from jaxtyping import Bool, Float64, Int

from ptychograd.data.dataset.change import FrameChange
from ptychograd.data.dataset.survey import StreamFromFile, Survey


class AbstractPatterns(abc.ABC):
    """Patterns that are read by their numbers.

    Attributes:
        shape: (index, y, x).
        dtype: of a pixel.
        run: patterns that are kept together, and best read together.
        block: patterns that are read at once.
        used: which patterns are in use, beside what a mask says; None if all are.
        gap: True where no pattern has a pixel, beside what a mask says.
        survey: what a look at all of them told; None if nobody looked.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype
    run: int
    block: int
    used: Bool[np.ndarray, " index"] | None
    gap: Bool[np.ndarray, "y x"]
    survey: Survey | None

    ndim = 3

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """Number of pixels of all patterns."""
        return int(np.prod(self.shape, dtype=object))

    @property
    def nbytes(self) -> int:
        """Bytes that all patterns take in memory, or would."""
        return self.size * self.dtype.itemsize

    @property
    def bytes_each(self) -> int:
        """Bytes of one pattern."""
        return self.shape[1] * self.shape[2] * self.dtype.itemsize

    @property
    def in_file(self) -> bool:
        """Whether they are in their file, from which they are read block by block."""
        return self.keep is not None

    @property
    def grows(self) -> bool:
        """Whether more patterns may still come."""
        return self.keep is not None and self.keep.grows

    @property
    def shares(self) -> int:
        """How many processes share them, of which each reads its own."""
        return 1 if self.keep is None else self.keep.shares

    @property
    def may_be_loaded(self) -> bool:
        """Whether all of them may come into memory, by what was said of their size."""
        return self.keep is None or not self.keep.holds(self.nbytes)

    def exceeds_memory(self, count: int) -> bool:
        """Whether so many of them are more than may be in memory."""
        return self.keep is not None and count * self.bytes_each > self.keep.limit

    @property
    @abc.abstractmethod
    def keep(self) -> StreamFromFile | None:
        """When they stay in their file and how they are read from it; None of those in memory."""

    @abc.abstractmethod
    def arrived(self) -> int:
        """How many patterns there are by now."""

    @abc.abstractmethod
    def read_into(self, begin: int, end: int, patterns: np.ndarray) -> None:
        """Read the patterns from one number up to another into an array, as they are."""

    @abc.abstractmethod
    def frames(
        self, which: slice | np.ndarray, mask: Bool[np.ndarray, "*index y x"]
    ) -> tuple[np.ndarray, Bool[np.ndarray, "*some y x"]]:
        """Patterns of these numbers, and their mask: (y, x), or one for each pattern."""

    @abc.abstractmethod
    def cleaned(
        self, mask: Bool[np.ndarray, "*index y x"]
    ) -> "tuple[np.ndarray | AbstractPatterns, np.ndarray, tuple[str, ...]]":
        """After a look at all of them: patterns, their mask without bad pixels, and what was found."""

    @abc.abstractmethod
    def changed(self, change: FrameChange, mask: Bool[np.ndarray, "*index Y X"]) -> "np.ndarray | AbstractPatterns":
        """Each of them changed: at once in memory, when it is read in a file; `mask` is that of the new ones."""

    @abc.abstractmethod
    def chosen(self, numbers: Int[np.ndarray, " some"]) -> "np.ndarray | AbstractPatterns":
        """The patterns of these numbers, in this order; those in a file stay there."""

    @abc.abstractmethod
    def only(
        self, used: Bool[np.ndarray, " index"], mask: Bool[np.ndarray, "*index y x"]
    ) -> "tuple[np.ndarray | AbstractPatterns, np.ndarray]":
        """The patterns and their mask, with all pixels of others than those in use masked."""

    @abc.abstractmethod
    def afresh(self) -> "np.ndarray | AbstractPatterns":
        """The same patterns, to be looked at with another mask."""

    @abc.abstractmethod
    def in_use(self, mask: Bool[np.ndarray, "*index y x"]) -> Bool[np.ndarray, " index"]:
        """Which patterns are in use, and have a valid pixel in a mask of their own."""

    @abc.abstractmethod
    def may_differ(self, mask: Bool[np.ndarray, "*index y x"]) -> bool:
        """Whether pixels may be bad in some patterns and good in others."""

    @abc.abstractmethod
    def surveyed(self, mask: Bool[np.ndarray, "*index y x"]) -> Survey:
        """What a look at all of them tells."""

    @abc.abstractmethod
    def photons_in(self, mask: Bool[np.ndarray, "*index y x"]) -> Float64[np.ndarray, " index"]:
        """Sum of each pattern over its valid pixels, read-only."""

    @abc.abstractmethod
    def sums_in(self, mask: Bool[np.ndarray, "*index y x"]) -> tuple[np.ndarray, np.ndarray]:
        """For each pixel the photons in all patterns in which it is valid, and how many these are; read-only."""

    @abc.abstractmethod
    def largest_in(self, mask: Bool[np.ndarray, "*index y x"]) -> float:
        """The largest count of a valid pixel."""
