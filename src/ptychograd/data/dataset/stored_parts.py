"""Patterns of several files as those of one, read from whichever file they are in."""

from collections.abc import Sequence

import numpy as np

from ptychograd.data.dataset.arrival import Whole
from ptychograd.data.dataset.stored import StoredPatterns, Survey, added

Part = StoredPatterns | np.ndarray  # in its file, or in memory and cleaned


def joined_patterns(parts: Sequence[Part], surveys: Sequence[Survey | None]) -> StoredPatterns:
    """The patterns of all parts, one after another, of which one at least is in its file; none of them grows.

    Args:
        parts: of one frame and number type.
        surveys: what was seen of each; if it is None of one, all are looked at again when that is asked for.
    """
    stored = [part for part in parts if isinstance(part, StoredPatterns)]
    ends = np.cumsum([len(part) for part in parts])

    def read(begin: int, end: int, into: np.ndarray) -> None:
        for part, last in zip(parts, ends.tolist(), strict=True):
            first = last - len(part)
            low, high = max(begin, first), min(end, last)
            if low < high:
                _read(part, low - first, high - first, into[low - begin : high - begin])

    count, first = int(ends[-1]), stored[0]
    run = max(part.run for part in stored)
    whole = StoredPatterns(read, (count, *first.shape[1:]), first.dtype, first.keep, Whole(count), run)
    whole.gap = np.logical_or.reduce([part.gap for part in stored])
    whole.gap_notes = ()
    if any(part.used is not None for part in stored):
        whole.used = np.concatenate([_used(part) for part in parts])
    seen = [survey for survey in surveys if survey is not None]
    if len(seen) == len(parts):
        alone = [survey._replace(photons=np.zeros(0)) for survey in seen]
        photons = np.concatenate([survey.photons for survey in seen])
        whole.survey = added(alone)._replace(photons=photons)
        whole.photons = photons
    return whole


def _read(part: Part, begin: int, end: int, into: np.ndarray) -> None:
    if isinstance(part, StoredPatterns):
        part.read_into(begin, end, into)
    else:
        into[...] = part[begin:end]


def _used(part: Part) -> np.ndarray:
    used = part.used if isinstance(part, StoredPatterns) else None
    return np.ones(len(part), bool) if used is None else used
