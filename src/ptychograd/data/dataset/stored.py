"""Patterns that stay in their file, because they are larger than memory or still being measured."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from ptychograd.core.errors import InputError
from ptychograd.core.memory import aligned_empty
from ptychograd.data.cleaning import (
    Frame,
    bad_pixels,
    gap_pixels,
    good_values,
    kinds_of,
    refuse_mostly_bad,
    spread,
    summary_of_gaps,
)
from ptychograd.data.dataset.arrival import Arrival, OfOthers, Whole
from ptychograd.data.dataset.types import counted_in

NO_SUMS = ("kinds", "largest")
LEAST_RUN = 2**20  # bytes that are read in one go, so that a disk reads more than it seeks


class StreamFromFile(NamedTuple):
    """When patterns stay in their HDF5 file instead of memory, and how they are then read; for `keep` of `read`.

    One process needs `limit` and `block` alone. The others are for several processes, each of which reads its share of
    the patterns and no other, and for files that are still being written; in both cases patterns always stay in the
    file.

    Args:
        limit: bytes; patterns that take more stay in their file. Of several processes it is the limit for the share of
            one.
        block: bytes of patterns that are read at once.
        share: which share this process reads, counted from 0.
        shares: how many processes share the patterns; by default 1.
        together: adds up what all processes saw of their shares, from the `Survey` of this one; by default it is taken
            as it is.
        grows: True for a file that is still being written.

    Example:
        >>> pg.write("scan.h5", data)
        >>> stored = pg.read("scan.h5", keep=pg.data.StreamFromFile(limit=10_000, block=5_000))
        >>> type(stored.patterns).__name__, stored.count
        ('StoredPatterns', 56)
    """

    limit: int
    block: int
    share: int = 0
    shares: int = 1
    together: "Callable[[Survey], Survey]" = lambda survey: survey
    grows: bool = False

    def holds(self, size: int) -> bool:
        """Whether patterns of so many bytes stay in their file."""
        return size > 0 and (self.grows or self.shares > 1 or size > self.limit)


class Survey(NamedTuple):
    """What one look at all patterns tells: photons of each, their sum, and where and how often pixels are bad."""

    photons: Float64[np.ndarray, " index"]
    total: Float64[np.ndarray, "y x"]
    valid: Int64[np.ndarray, "y x"]
    bad: Int64[np.ndarray, "y x"]
    bad_frames: int
    kinds: dict[str, int]
    largest: float
    seen: int

    @property
    def differs(self) -> bool:
        """Whether some pixel is bad in some patterns and good in others."""
        return not bool(np.isin(self.bad, (0, self.seen)).all())

    def packed(self) -> np.ndarray:
        """All of it as bytes, to be sent to other processes."""
        rest = json.dumps([self.bad_frames, self.kinds, self.largest, self.seen, self.photons.size, self.total.shape])
        text = np.frombuffer(rest.encode(), np.uint8)
        arrays = (np.array([text.size]), text, self.photons, self.total, self.valid, self.bad)
        return np.concatenate([np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8) for array in arrays])

    @classmethod
    def unpacked(cls, packed: np.ndarray) -> "Survey":
        """Undo `packed`."""
        data = packed.tobytes()
        size = 8 + int(np.frombuffer(data, np.int64, 1)[0])
        bad_frames, kinds, largest, seen, count, shape = json.loads(data[8:size])
        pixels = shape[0] * shape[1]
        photons, total, valid, bad = (
            np.frombuffer(data, kind, number, offset).copy()
            for kind, number, offset in (
                (np.float64, count, size),
                *((kind, pixels, size + 8 * (count + k * pixels)) for k, kind in enumerate((float, int, int))),
            )
        )
        total, valid, bad = (array.reshape(shape) for array in (total, valid, bad))
        return cls(photons, total, valid, bad, bad_frames, kinds, largest, seen)


def added(surveys: Sequence[Survey]) -> Survey:
    """What several looks at different patterns tell together."""
    kinds = {kind: sum(one.kinds.get(kind, 0) for one in surveys) for one in surveys for kind in one.kinds}
    sums = {name: sum(getattr(one, name) for one in surveys) for name in Survey._fields if name not in NO_SUMS}
    return surveys[0]._replace(**sums, kinds=kinds, largest=max(one.largest for one in surveys))


class StoredPatterns:
    """Patterns (index, y, x) in a file, of which only those asked for are read, cleaned as `clean` does it.

    Args:
        read: reads the patterns from one number up to another into an array.
        arrival: what tells which patterns the file holds at this moment.
        run: patterns that the file keeps together.
    """

    def __init__(
        self,
        read: Callable[[int, int, np.ndarray], None],
        shape: tuple[int, int, int],
        dtype: np.dtype,
        keep: StreamFromFile,
        arrival: Arrival,
        run: int = 1,
    ):
        self._read, self._arrival, self.keep = read, arrival, keep
        self.shape, self.dtype = shape, counted_in(np.dtype(dtype))
        each = shape[1] * shape[2] * self.dtype.itemsize
        self.run = -(-max(run, LEAST_RUN // each, 1) // run) * run
        self.block = max(1, keep.block // each)
        self.survey: Survey | None = None
        self.photons: Float64[np.ndarray, " index"] | None = None
        self.used: Bool[np.ndarray, " index"] | None = None
        self.gap: Bool[np.ndarray, "y x"] = np.zeros(shape[1:], bool)
        self.gap_notes: tuple[str, ...] | None = None

    ndim = 3

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """Number of pixels of all patterns."""
        return int(np.prod(self.shape, dtype=object))

    @property
    def nbytes(self) -> int:
        """Bytes that all patterns would take in memory."""
        return self.size * self.dtype.itemsize

    @property
    def grows(self) -> bool:
        """Whether more patterns may still come."""
        return self.keep.grows

    def arrived(self) -> int:
        """How many patterns there are by now."""
        return min(self._arrival.count(), len(self)) if self.grows else len(self)

    @property
    def bytes_each(self) -> int:
        """Bytes of one pattern."""
        return self.shape[1] * self.shape[2] * self.dtype.itemsize

    def of(self, count: int) -> "StoredPatterns":
        """The same, of a scan that will have `count` patterns in the end."""
        fresh = StoredPatterns(self._read, (count, *self.shape[1:]), self.dtype, self.keep, self._arrival, self.run)
        fresh.gap, fresh.gap_notes = self.gap, self.gap_notes
        return fresh

    def estimated_from(self, arrival: Arrival) -> "StoredPatterns":
        """The same, of which something else tells which have come."""
        return StoredPatterns(self._read, self.shape, self.dtype, self.keep, arrival, self.run)

    def read_by(
        self, read: Callable[[int, int, np.ndarray], None], shape: tuple[int, int, int], dtype: np.dtype
    ) -> "StoredPatterns":
        """Other patterns, which are made of these as they are read; nothing is known of them yet."""
        arrival = self._arrival if isinstance(self._arrival, OfOthers) else OfOthers(self.arrived, self._came)
        return StoredPatterns(read, shape, dtype, self.keep, arrival if self.grows else Whole(shape[0]), self.run)

    def only(self, used: Bool[np.ndarray, " index"]) -> "StoredPatterns":
        """The same with all pixels of other patterns masked; of a survey it keeps the photons of each."""
        part = self.of(len(self))
        part.used = used if self.used is None else used & self.used
        if self.photons is not None and not self.grows:
            part.photons = np.where(used, self.photons, 0.0)
        return part

    def read_into(self, begin: int, end: int, patterns: np.ndarray) -> None:
        """Read the patterns from one number up to another into an array, as they are in the file."""
        self._read(begin, end, patterns)

    def frames(self, which: slice | np.ndarray, mask: Bool[np.ndarray, "y x"]) -> tuple[np.ndarray, np.ndarray]:
        """Patterns of these numbers with bad pixels set to 0, and their mask: (y, x), or one for each pattern.

        In a file that grows all pixels of a pattern that has not come are masked.
        """
        numbers = np.arange(self.arrived() if isinstance(which, slice) else len(self))[which]
        patterns = self._of(numbers)
        used = None if self.used is None else self.used[numbers]
        if self.grows:
            came = self._arrival.came(numbers, patterns)
            used = came if used is None else came & used
        bad = bad_pixels(patterns)
        if bad is not None:
            patterns[bad] = 0
        if self.gap.any():
            patterns[:, self.gap] = 0
            mask = mask & ~self.gap
        seen = self.survey
        alike = seen is not None and not (seen.differs or self.grows or seen.bad[mask].any())
        if used is None and alike:
            return patterns, mask
        valid = np.broadcast_to(mask, patterns.shape) if bad is None else mask & ~bad
        return patterns, valid if used is None else valid & used[:, None, None]

    def _of(self, numbers: np.ndarray) -> np.ndarray:
        """Patterns of these numbers, as they are in the file."""
        patterns = aligned_empty((len(numbers), *self.shape[1:]), self.dtype)
        for begin, end in _stretches(numbers):
            self._read(int(numbers[begin]), int(numbers[end - 1]) + 1, patterns[begin:end])
        return patterns

    def _came(self, numbers: np.ndarray) -> Bool[np.ndarray, " index"]:
        """Which patterns of these numbers have come, by what the file holds of them now."""
        return self._arrival.came(numbers, self._of(numbers))

    def surveyed_with(self, mask: Bool[np.ndarray, "y x"]) -> Survey:
        """Read all patterns of this process's share once, a few at a time."""
        frame, count = self.shape[1:], self.arrived()
        if count and (self.gap_notes is None or self.grows):
            gaps = gap_pixels(self._sample(count, mask), frame, self.dtype)
            self.gap = np.any([self.gap, *gaps.values()], axis=0)
            self.gap_notes = (*(self.gap_notes or ()), *summary_of_gaps(gaps))
        mask = mask & ~self.gap
        zero = np.zeros(frame, np.int64)
        seen = Survey(np.zeros(len(self)), np.zeros(frame), zero, zero, 0, {}, 0.0, 0)
        begin, end = (count * share // self.keep.shares for share in (self.keep.share, self.keep.share + 1))
        step = max(1, min(self.block, 2**25 // max(1, int(np.prod(frame)))))
        for first in range(begin, end, step):
            last = min(end, first + step)
            patterns = np.empty((last - first, *frame), self.dtype)
            self._read(first, last, patterns)
            numbers = np.arange(first, last)
            used = np.ones(len(numbers), bool) if self.used is None else self.used[first:last]
            used = used & self._arrival.came(numbers, patterns) if self.grows else used
            if not used.all():
                numbers, patterns = numbers[used], patterns[used]
            seen = _more(seen, numbers, patterns, mask) if len(numbers) else seen
        self.survey = self.keep.together(seen)
        self.photons = self.survey.photons
        text = ", ".join(f"{number:,} {kind}" for kind, number in self.survey.kinds.items())
        refuse_mostly_bad(int(self.survey.bad.sum()), self.gap, self.survey.seen, text)
        return self.survey

    def _sample(self, count: int, mask: Bool[np.ndarray, "y x"]) -> Iterator[Frame]:
        """Patterns that are spread over the first `count`, each with its good pixels; alike in all processes."""
        pattern = np.empty((1, *self.shape[1:]), self.dtype)
        for number in spread(count).tolist():
            self._read(number, number + 1, pattern)
            yield pattern[0], mask & ~self.gap & good_values(pattern[0])


def _more(seen: Survey, numbers: np.ndarray, patterns: np.ndarray, mask: Bool[np.ndarray, "y x"]) -> Survey:
    """The survey with a few more patterns."""
    bad = bad_pixels(patterns)
    kinds, bad_here, frames = dict(seen.kinds), 0, 0
    if bad is not None:
        counted = bad & mask
        for kind, number in kinds_of(patterns[counted]).items():
            kinds[kind] = kinds.get(kind, 0) + number
        bad_here, frames = counted.sum(axis=0), int(counted.any(axis=(1, 2)).sum())
        patterns[bad] = 0
    patterns[:, ~mask] = 0
    seen.photons[numbers] = patterns.sum(axis=(1, 2), dtype=np.float64)
    return Survey(
        seen.photons,
        seen.total + patterns.sum(axis=0, dtype=np.float64),
        seen.valid + mask * len(patterns) - bad_here,
        seen.bad + bad_here,
        seen.bad_frames + frames,
        kinds,
        max(seen.largest, float(patterns.max(initial=0))),
        seen.seen + len(patterns),
    )


def _stretches(numbers: np.ndarray) -> Iterator[tuple[int, int]]:
    """Where numbers follow one another without a gap: places of the first and after the last of each stretch."""
    cuts = np.flatnonzero(np.diff(numbers) != 1) + 1
    edges = [0, *cuts.tolist(), len(numbers)]
    return pairwise(edges) if len(numbers) else iter(())


def surveyed(patterns: StoredPatterns, mask: np.ndarray) -> tuple[StoredPatterns, np.ndarray, tuple[str, ...]]:
    """Patterns after a look at all of them, their mask without pixels that are bad in all, and what was found."""
    if mask.ndim != 2:
        raise InputError(
            "Patterns that stay in their file need one mask for all, (y, x), and there is one for each pattern; give "
            "`machine.memory` more than they take, or one mask."
        )
    seen = patterns.surveyed_with(mask)
    mask, notes = mask & ~patterns.gap, patterns.gap_notes or ()
    if not seen.kinds:
        return patterns, mask, notes
    text = ", ".join(f"{number:,} {kind}" for kind, number in seen.kinds.items())
    where = f"{np.count_nonzero(seen.bad):,} in {seen.bad_frames:,} of {seen.seen:,} patterns"
    mask = mask if seen.differs or patterns.grows else mask & (seen.bad == 0)
    return patterns, mask, (*notes, f"mask: bad pixels found and masked: {where} ({text})")
