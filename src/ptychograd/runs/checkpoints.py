"""What is saved of a run while it goes on."""

import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple

from ptychograd.core.errors import InputError
from ptychograd.core.log import log
from ptychograd.fitting.reconstruction import Progress
from ptychograd.fitting.result import Result
from ptychograd.runs.plan.quantities import quantity


class Every(NamedTuple):
    """So many epochs, or so many seconds, whichever have gone by first."""

    epochs: float = math.inf
    seconds: float = math.inf

    @classmethod
    def of(cls, asked: object) -> "Every":
        """From epochs as 10, a time as "30s", or "never", as a plan has them."""
        if isinstance(asked, int):
            return cls(epochs=asked) if asked else cls()
        seconds = math.inf if asked == "never" else quantity(asked, "s")
        return cls(seconds=seconds) if seconds > 0 else cls()


class Checkpoints:
    """Saves the result so far, now and then, in a thread of its own while the run goes on.

    One write at a time: while the last one still runs, the next is due after the epoch in which it ends. What can't
    be written is said once, in the log; the run goes on, and so do the attempts.

    Args:
        every: how often.
        save: writes a result.
        done: how many epochs were done before.
    """

    def __init__(self, every: Every, save: Callable[[Result], object], done: int = 0):
        self._every, self._save = every, save
        self._pool = ThreadPoolExecutor(1)
        self._writing: Future | None = None
        self._epoch, self._time = done, time.monotonic()
        self._complained = False

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown()
        self._hear()

    def after(self, progress: Progress) -> None:
        """Save what there is after this epoch, if that is due."""
        if progress.epoch - self._epoch < self._every.epochs and self._elapsed() < self._every.seconds:
            return
        if self._writing is not None and not self._writing.done():
            return
        self._hear()
        self._epoch, self._time = progress.epoch, time.monotonic()
        self._writing = self._pool.submit(lambda: self._save(progress.so_far()))

    def _elapsed(self) -> float:
        return time.monotonic() - self._time

    def _hear(self) -> None:
        """Say what became of the last write, if that was bad, and for the first time."""
        if self._writing is None:
            return
        writing, self._writing = self._writing, None
        try:
            writing.result()
        except InputError as problem:
            if not self._complained:
                log.warning("no checkpoint: %s", problem)
            self._complained = True
