"""What one look at all patterns tells, and when patterns stay in their file."""

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

NO_SUMS = ("kinds", "largest")


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
    together: Callable[[Survey], Survey] = lambda survey: survey
    grows: bool = False

    def holds(self, size: int) -> bool:
        """Whether patterns of so many bytes stay in their file."""
        return size > 0 and (self.grows or self.shares > 1 or size > self.limit)
