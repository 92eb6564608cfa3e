"""Patterns of several files as those of one, read from whichever file they are in."""

from collections.abc import Sequence

import numpy as np

from ptychograd.data.dataset.abstract import AbstractPatterns
from ptychograd.data.dataset.arrival import Whole
from ptychograd.data.dataset.stored import StoredPatterns
from ptychograd.data.dataset.survey import Survey, added


def joined_patterns(parts: Sequence[AbstractPatterns], surveys: Sequence[Survey | None]) -> StoredPatterns:
    """The patterns of all parts, one after another, of which one at least is in its file; none of them grows.

    Args:
        parts: of one frame and number type; those in memory were cleaned.
        surveys: what was seen of each; if it is None of one, all are looked at again when that is asked for.
    """
    ends = np.cumsum([len(part) for part in parts])

    def read(begin: int, end: int, into: np.ndarray) -> None:
        for part, last in zip(parts, ends.tolist(), strict=True):
            first = last - len(part)
            low, high = max(begin, first), min(end, last)
            if low < high:
                part.read_into(low - first, high - first, into[low - begin : high - begin])

    count, first = int(ends[-1]), parts[0]
    keep = next(part.keep for part in parts if part.keep is not None)
    run = max(part.run for part in parts)
    whole = StoredPatterns(read, (count, *first.shape[1:]), first.dtype, keep, Whole(count), run)
    whole.gap = np.logical_or.reduce([part.gap for part in parts])
    whole.gap_notes = ()
    if any(part.used is not None for part in parts):
        whole.used = np.concatenate([np.ones(len(part), bool) if part.used is None else part.used for part in parts])
    seen = [survey for survey in surveys if survey is not None]
    if len(seen) == len(parts):
        alone = [survey._replace(photons=np.zeros(0)) for survey in seen]
        photons = np.concatenate([survey.photons for survey in seen])
        whole.survey = added(alone)._replace(photons=photons)
        whole.photons = photons
    return whole
