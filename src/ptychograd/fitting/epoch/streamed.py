"""Patterns that come block by block out of a file, each block read while the one before is worked on."""

from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ptychograd.data.dataset import AbstractPatterns, Dataset
from ptychograd.fitting.epoch.compiled import Patterns
from ptychograd.fitting.epoch.feed import Asked, Feed, Resident, frames
from ptychograd.fitting.epoch.placing import EVERYWHERE, own_shares, placed, placed_shares, shares_of
from ptychograd.fitting.epoch.sampling import Draw
from ptychograd.fitting.schedule import planned

STEPS_OF_GROWING = 16  # of a block
RUNS_OF_BLOCK = 8  # at least, so that a block sees many parts of the object


class Block(NamedTuple):
    """For each share the numbers of its patterns in the order in which they are read, and the order of their use.

    Blocks are of equal length: what is too short begins anew, and that is not used again.
    """

    numbers: list[np.ndarray]
    orders: list[np.ndarray]


class Streamed(Feed):
    """Shuffled blocks of equal size. While the devices work on one, a thread reads and unpacks the next.

    Patterns that follow one another in the file are read together. Such runs are shuffled in each epoch and dealt out
    to blocks, and the patterns of a block are shuffled once more; with another sampler blocks are parts of its order.
    A file that is still being written has the blocks of the whole scan from the start, of which each epoch takes as
    many as the patterns that have arrived fill.
    """

    def __init__(self, data: Dataset, stored: AbstractPatterns, asked: Asked):
        self._data, self._stored, self._asked = data, stored, asked
        shares = shares_of(data.count // asked.group, asked.mesh)
        own = own_shares(asked.mesh)
        largest = max(end - begin for begin, end in pairwise(shares))
        block = max(asked.batch_size, stored.block // asked.group // len(own))
        if stored.grows:  # so that the first epochs, of few patterns, are short
            block = min(block, STEPS_OF_GROWING * asked.batch_size)
        self._size = -(-largest // -(-largest // block))
        self._shares, self._own, self._count, self._photons = len(shares) - 1, own, 0, 0.0
        self._rows = asked.rows([self._size] * self._shares)
        self._thread = ThreadPoolExecutor(1, "patterns")
        self._ahead: dict[tuple[int, int], Future] = {}

    def epoch(self, seed, done, last):
        count = self._stored.arrived() // self._asked.group
        blocks, steps = self.blocks(seed, done, count), self._rows.steps
        cool = self._asked.cool(done, last, steps * len(blocks))
        self._count, self._photons = count * self._asked.group, 0.0 if self._stored.grows else self._data.total
        for place, block in enumerate(blocks):
            loaded = self._ahead.pop((done, place), None) or self._thread.submit(self._loaded, block)
            patterns = loaded.result()
            if place + 1 < len(blocks):
                self._ahead[done, place + 1] = self._thread.submit(self._loaded, blocks[place + 1])
            elif done + 1 < last and not self._stored.grows:
                self._ahead[done + 1, 0] = self._thread.submit(self._loaded, self.blocks(seed, done + 1, count)[0])
            plan = planned(block.orders, block.numbers, self._rows, cool[place * steps : (place + 1) * steps])
            yield patterns, self._asked.on_devices(plan)

    def blocks(self, seed: int, done: int, count: int) -> list[Block]:
        """The blocks of the epoch after `done` ones, of so many patterns (groups of them)."""
        bounds = list(pairwise(shares_of(count, self._asked.mesh)))
        parts = -(-max(end - begin for begin, end in bounds) // self._size)
        shares = [self._dealt(Draw(seed, done, share), begin, end, parts) for share, (begin, end) in enumerate(bounds)]
        return [Block(*map(list, zip(*parts, strict=True))) for parts in zip(*shares, strict=True)]

    def _dealt(self, draw: Draw, begin: int, end: int, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each of so many blocks the patterns that it has of a share, and the order of their use.

        Of a scan that grows they are used as often as fills the block, so that batches are as large as was asked for.
        """
        run = max(1, min(self._stored.run // self._asked.group, self._size // RUNS_OF_BLOCK))
        parts = self._asked.sampler.in_blocks(np.arange(begin, end), count, run, draw)
        if self._stored.grows:
            parts = [(part, np.resize(order, self._size)) for part, order in parts]
        return [(np.resize(part, self._size), order) for part, order in parts]

    def _loaded(self, block: Block) -> Patterns:
        """A block on the devices; of a file that grows, its photons are counted."""
        group, read = self._asked.group, {}
        for share in self._own:
            numbers = (block.numbers[share][:, None] * group + np.arange(group)).ravel()
            read[share] = frames(self._data, numbers, self._asked)
            if self._stored.grows:
                counts, mask = read[share].counts, read[share].mask
                each = np.asarray(np.sum(counts, axis=tuple(range(1, counts.ndim)), dtype=np.float64, where=mask))
                self._photons += float(each[block.orders[share]].sum())
        first = read[self._own[0]]
        counts = placed_shares({share: part.counts for share, part in read.items()}, self._size, self._asked.mesh)
        if first.mask.ndim < first.counts.ndim:
            return Patterns(counts, placed(first.mask, self._asked.mesh, EVERYWHERE))
        masks = {share: part.mask for share, part in read.items()}
        return Patterns(counts, placed_shares(masks, self._size, self._asked.mesh))

    @property
    def size(self) -> int:
        """Patterns (groups of them) of a block, in each share."""
        return self._size

    @property
    def photons(self):
        return self._photons

    @property
    def count(self):
        return self._count

    def close(self):
        self._thread.shutdown(wait=False, cancel_futures=True)


def feed_of(data: Dataset, asked: Asked) -> Feed:
    """The way in which the patterns of a data set come to the devices: block by block if they are in their file.

    A file that is no longer written, and whose share for this process is small enough for memory, is read once.
    """
    return Streamed(data, data.store, asked) if stays_in_file(data, asked) else Resident(data, asked)


def stays_in_file(data: Dataset, asked: Asked) -> bool:
    """Whether patterns come block by block: they are still being written, or are more than may be in memory."""
    shares = shares_of(data.count, asked.mesh)
    share = max(end - begin for begin, end in pairwise(shares)) * len(own_shares(asked.mesh))
    return data.grows or data.store.exceeds_memory(share)
