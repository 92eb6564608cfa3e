"""What is saved of a run while it goes on, and when it is to end before its time."""

import math
import re
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from cyclopts import Parameter

from ptychograd.cli.console import errors
from ptychograd.cli.options import OptionalWhole
from ptychograd.core.errors import InputError

if TYPE_CHECKING:
    from ptychograd.fitting.reconstruction import Progress
    from ptychograd.fitting.result import Result

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


@Parameter(name="*")
@dataclass(frozen=True)
class Keeping:
    """What of a run is kept while it goes on.

    Attributes:
        checkpoint_every: How often the result so far is saved: after so many epochs, as 10, or so much time, as 30s,
            5min or 2h; never with 0.
        stop_after: End after this epoch, as Ctrl-C would; `resume` goes on from there.
    """

    checkpoint_every: str = "10min"
    stop_after: OptionalWhole = None

    def check(self, done: int) -> None:
        """Refuse what can't be read, and a stop before the epoch that comes after `done` ones."""
        Every.of(self.checkpoint_every)
        if self.stop_after is not None and self.stop_after <= done:
            raise InputError(f"--stop-after {self.stop_after}: expected an epoch to come, {done + 1} or a later one.")

    def stop(self, progress: "Progress") -> None:
        """Interrupt the run, as Ctrl-C would, where it is to end."""
        if progress.epoch == self.stop_after:
            raise KeyboardInterrupt


class Every(NamedTuple):
    """So many epochs, or so many seconds, whichever have gone by first."""

    epochs: float = math.inf
    seconds: float = math.inf

    @classmethod
    def of(cls, text: str) -> "Every":
        """From "10", "30s", "5min", "2h", "0" or "never"."""
        found = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*(s|min|h)|(\d+)", text.strip())
        if text.strip() == "never":
            return cls()
        if found is None:
            raise InputError(
                f'--checkpoint-every "{text}": expected epochs, as 10, or time, as 30s, 5min or 2h; 0 for never.'
            )
        amount, unit, epochs = found.groups()
        every = cls(epochs=int(epochs)) if epochs else cls(seconds=float(amount) * SECONDS[unit])
        return every if min(every) > 0 else cls()


class Checkpoints:
    """Saves the result so far, now and then, in a thread of its own while the run goes on.

    One write at a time: while the last one still runs, the next is due after the epoch in which it ends. What can't
    be written is said once; the run goes on, and so do the attempts.
    """

    def __init__(self, every: Every, save: Callable[["Result"], object], done: int = 0):
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

    def after(self, progress: "Progress") -> None:
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
                errors.print(f"ptychograd: no checkpoint: {problem}", style="yellow", soft_wrap=True)
            self._complained = True
