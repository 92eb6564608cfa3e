"""What every driver has in common: the problem that it reads, a clock, and what it leaves. NumPy and nothing else.

A driver is a script that the interpreter of its peer runs:

    python run_PEER.py PROBLEM.npz FOUND.npz SETTING EPOCHS EVERY [SECONDS]
    python run_PEER.py                                                   its version and settings, as JSON

It has `SETTINGS` and a function `run(problem, setting, record)`, which calls `record(state)` after each epoch.
"""

import json
import sys
import time
from typing import NamedTuple

import numpy as np


class Problem(NamedTuple):
    """What everybody is given.

    Patterns (zero frequency at n // 2), corners of their windows in pixels of the object (y, x), the start, and for how
    many epochs the probe is held.
    """

    patterns: np.ndarray
    positions: np.ndarray
    object: np.ndarray
    probe: np.ndarray
    hold: int


class Record:
    """Seconds of each epoch, and the state after each of `every`; what is called from the record takes no time."""

    def __init__(self, epochs: int, every: int, seconds: float):
        self.epochs, self.every, self.limit = epochs, every, seconds
        self.seconds: list[float] = []
        self.objects, self.probes, self.numbers = [], [], []
        self.begin = time.perf_counter()

    def __call__(self, state) -> bool:
        """After an epoch; `state()` gives object (y, x) and probe (modes, y, x). True while there are more to do."""
        self.seconds.append(time.perf_counter() - self.begin)
        done = len(self.seconds)
        more = done < self.epochs and sum(self.seconds) < self.limit
        if done % self.every == 0 or not more:
            object, probe = state()
            self.numbers.append(done)
            self.objects.append(np.array(object, np.complex64))
            self.probes.append(np.array(probe, np.complex64))
        self.begin = time.perf_counter()
        return more


def grown(array: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The array cut to a shape or continued to it by its last rows and columns."""
    rows, columns = (np.minimum(np.arange(n), have - 1) for n, have in zip(shape, array.shape, strict=True))
    return array[np.ix_(rows, columns)]


def main(settings: dict, run, version: str) -> None:
    """Read the problem, run a setting, and leave what it found."""
    if len(sys.argv) < 6:
        print(json.dumps({"version": version, "settings": list(settings)}))
        return
    problem, found, setting, epochs, every = sys.argv[1:6]
    with np.load(problem) as file:
        given = Problem(*(file[name] for name in Problem._fields))
    record = Record(int(epochs), int(every), float(sys.argv[6]) if len(sys.argv) > 6 else float("inf"))
    run(given, settings[setting], record)
    arrays = {"objects": record.objects, "probes": record.probes, "numbers": record.numbers}
    np.savez(found, seconds=record.seconds, version=version, **{name: np.array(one) for name, one in arrays.items()})
