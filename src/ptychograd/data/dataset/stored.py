"""Patterns that stay in their file, because they are larger than memory or still being measured."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float64

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
from ptychograd.data.dataset.abstract import AbstractPatterns
from ptychograd.data.dataset.arrival import Arrival, OfOthers, Whole
from ptychograd.data.dataset.change import frames_at_once
from ptychograd.data.dataset.freezing import shown
from ptychograd.data.dataset.survey import StreamFromFile, Survey
from ptychograd.data.dataset.types import counted_in

LEAST_RUN = 2**20  # bytes that are read in one go, so that a disk reads more than it seeks


class StoredPatterns(AbstractPatterns):
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
        self._read, self._arrival, self._keep = read, arrival, keep
        self.shape, self.dtype = shape, counted_in(np.dtype(dtype))
        each = shape[1] * shape[2] * self.dtype.itemsize
        self.run = -(-max(run, LEAST_RUN // each, 1) // run) * run
        self.block = max(1, keep.block // each)
        self.survey: Survey | None = None
        self.photons: Float64[np.ndarray, " index"] | None = None
        self.used: Bool[np.ndarray, " index"] | None = None
        self.gap: Bool[np.ndarray, "y x"] = np.zeros(shape[1:], bool)
        self.gap_notes: tuple[str, ...] | None = None

    @property
    def keep(self) -> StreamFromFile:
        return self._keep

    def arrived(self):
        return min(self._arrival.count(), len(self)) if self.grows else len(self)

    def of(self, count: int) -> "StoredPatterns":
        """The same, of a scan that will have `count` patterns in the end."""
        fresh = StoredPatterns(self._read, (count, *self.shape[1:]), self.dtype, self.keep, self._arrival, self.run)
        fresh.gap, fresh.gap_notes = self.gap, self.gap_notes
        if self.used is not None:  # of those that are still to come all
            fresh.used = np.append(self.used, np.ones(max(0, count - len(self)), bool))[:count]
        return fresh

    def estimated_from(self, arrival: Arrival) -> "StoredPatterns":
        """The same, of which something else tells which have come."""
        fresh = StoredPatterns(self._read, self.shape, self.dtype, self.keep, arrival, self.run)
        fresh.used = self.used
        return fresh

    def read_by(
        self, read: Callable[[int, int, np.ndarray], None], shape: tuple[int, int, int], dtype: np.dtype
    ) -> "StoredPatterns":
        """Other patterns, which are made of these as they are read; nothing is known of them yet."""
        arrival = self._arrival if isinstance(self._arrival, OfOthers) else OfOthers(self.arrived, self._came)
        return StoredPatterns(read, shape, dtype, self.keep, arrival if self.grows else Whole(shape[0]), self.run)

    def afresh(self):
        return self.of(len(self))

    def only(self, used, mask):
        return self.of_those(used), mask

    def of_those(self, used: Bool[np.ndarray, " index"]) -> "StoredPatterns":
        """The same with all pixels of other patterns masked; of a survey it keeps the photons of each."""
        part = self.of(len(self))
        part.used = used if self.used is None else used & self.used
        if self.photons is not None and not self.grows:
            part.photons = np.where(used, self.photons, 0.0)
        return part

    def changed(self, change, mask):
        """Patterns that are changed when they are read, with the marks of bad pixels in those that are made of them."""

        def read(begin: int, end: int, into: np.ndarray) -> None:
            for part in frames_at_once(begin, end, self.shape[1:]):
                frames = aligned_empty((part.stop - part.start, *self.shape[1:]), self.dtype)
                self._read(part.start, part.stop, frames)
                bad = bad_pixels(frames)
                if bad is not None:
                    frames[bad] = 0
                frames[:, self.gap] = 0
                out = into[part.start - begin : part.stop - begin]
                out[...] = change.values(frames)
                if bad is not None:
                    out[~change.valid(~bad) & mask] = change.bad_mark

        fresh = self.read_by(read, (len(self), *change.shape), change.dtype)
        fresh.used, fresh.gap_notes = self.used, ()
        return fresh

    def chosen(self, numbers):
        """Patterns of these numbers, in this order, which stay where they are; their gaps were looked for."""
        shape = (len(numbers), *self.shape[1:])
        part = self.read_by(lambda begin, end, into: self.read_numbers(numbers[begin:end], into), shape, self.dtype)
        part.used = None if self.used is None else self.used[numbers]
        part.gap, part.gap_notes = self.gap, ()
        part.photons = None if self.photons is None else self.photons[numbers]
        return part

    def read_into(self, begin, end, patterns):
        self._read(begin, end, patterns)

    def read_numbers(self, numbers: np.ndarray, patterns: np.ndarray) -> None:
        """Read the patterns of these numbers into an array, as they are in the file."""
        for begin, end in _stretches(numbers):
            self._read(int(numbers[begin]), int(numbers[end - 1]) + 1, patterns[begin:end])

    def frames(self, which, mask):
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
        self.read_numbers(numbers, patterns)
        return patterns

    def _came(self, numbers: np.ndarray) -> Bool[np.ndarray, " index"]:
        """Which patterns of these numbers have come, by what the file holds of them now."""
        return self._arrival.came(numbers, self._of(numbers))

    def in_use(self, mask):
        return np.ones(len(self), bool) if self.used is None else self.used

    def may_differ(self, mask):
        return self.survey is None or self.survey.differs

    def surveyed(self, mask):
        return self.survey or self.surveyed_with(mask)

    def photons_in(self, mask):
        return shown(self.surveyed(mask).photons if self.photons is None else self.photons)

    def sums_in(self, mask):
        seen = self.surveyed(mask)
        return shown(seen.total), shown(seen.valid)

    def largest_in(self, mask):
        return self.surveyed(mask).largest

    def cleaned(self, mask):
        if mask.ndim != 2:
            raise InputError(
                "Patterns that stay in their file need one mask for all, (y, x), and there is one for each pattern; "
                "give `machine.memory` more than they take, or one mask."
            )
        seen = self.surveyed_with(mask)
        mask, notes = mask & ~self.gap, self.gap_notes or ()
        if not seen.kinds:
            return self, mask, notes
        text = ", ".join(f"{number:,} {kind}" for kind, number in seen.kinds.items())
        where = f"{np.count_nonzero(seen.bad):,} in {seen.bad_frames:,} of {seen.seen:,} patterns"
        mask = mask if seen.differs or self.grows else mask & (seen.bad == 0)
        return self, mask, (*notes, f"mask: bad pixels found and masked: {where} ({text})")

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
