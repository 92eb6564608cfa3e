"""Patterns in memory, asked as those in their file are."""

import numpy as np

from ptychograd.core.memory import aligned_empty
from ptychograd.data.cleaning import clean
from ptychograd.data.dataset.abstract import AbstractPatterns
from ptychograd.data.dataset.change import frames_at_once
from ptychograd.data.dataset.freezing import frozen
from ptychograd.data.dataset.survey import Survey


class LoadedPatterns(AbstractPatterns):
    """Patterns (index, y, x) in an array, which were cleaned: what is bad is masked, in a mask for all or for each."""

    def __init__(self, array: np.ndarray):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.run, self.block = 1, len(array)
        self.used, self.survey, self.gap = None, None, np.zeros(array.shape[1:], bool)

    @property
    def keep(self) -> None:
        return None

    def arrived(self):
        return len(self)

    def read_into(self, begin, end, patterns):
        patterns[...] = self.array[begin:end]

    def frames(self, which, mask):
        return self.array[which], mask if mask.ndim == 2 else mask[which]

    def cleaned(self, mask):
        return clean(self.array, mask, aligned_empty)

    def changed(self, change, mask):
        changed = aligned_empty((len(self), *change.shape), change.dtype)
        for part in frames_at_once(0, len(self), self.shape[1:]):
            changed[part] = change.values(self.array[part])
        return frozen(changed)

    def chosen(self, numbers):
        return frozen(self.array[numbers])

    def only(self, used, mask):
        return self.array, mask & used[:, None, None]

    def afresh(self):
        return self.array

    def in_use(self, mask):
        return np.broadcast_to(mask.any(axis=(-2, -1)), len(self))

    def may_differ(self, mask):
        return mask.ndim == 3

    def surveyed(self, mask):
        total, valid = self.sums_in(mask)
        photons, largest = self.photons_in(mask), self.largest_in(mask)
        return Survey(photons, total, valid, np.zeros_like(valid), 0, {}, largest, len(self))

    def photons_in(self, mask):
        return frozen(np.asarray(np.sum(self.array, axis=(1, 2), dtype=np.float64, where=mask)))

    def sums_in(self, mask):
        total, valid = np.zeros(self.shape[1:]), np.zeros(self.shape[1:], int)
        masks = mask if mask.ndim == 3 else [mask] * len(self)
        for pattern, good in zip(self.array, masks, strict=True):
            total += np.where(good, pattern, 0)
            valid += good
        return frozen(total), frozen(valid)

    def largest_in(self, mask):
        return float(self.array.max(where=mask, initial=0))


def patterns_of(patterns: np.ndarray | AbstractPatterns) -> AbstractPatterns:
    """What a data set or a file holds as patterns, as what they are asked by."""
    return LoadedPatterns(patterns) if isinstance(patterns, np.ndarray) else patterns
