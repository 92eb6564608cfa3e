"""How far a long job is, told in a line now and then, as for the log of a batch job."""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

EVERY = 60.0  # seconds from a line to the next


class Step(NamedTuple):
    """What was done of how much, and when, in seconds of a clock."""

    time: float
    done: float
    total: float


class ProgressLog:
    """A line at the beginning, one after the first step, and then one every minute, be there anything new or not.

    Args:
        name: of the job, or what is counted.
        amount: what is done of how much, in words.
        facts: what is said at the beginning.
        tell: is called with each line.
    """

    def __init__(
        self, name: str, amount: Callable[[float, float], str], facts: str, tell: Callable[[str], object]
    ) -> None:
        self._name, self._amount, self._facts, self._tell = name, amount, (facts,), tell
        self._steps: list[Step] = []  # the first one, in which there is more to do, and the last
        self._begin, self._over = time.monotonic(), threading.Event()
        self._clock = threading.Thread(target=self._every_minute, daemon=True)

    def start(self) -> None:
        """The job begins."""
        self._tell(self._line())
        self._clock.start()

    def show(self, done: float, total: float, *facts: str) -> None:
        """So much of it is done, and what it came to."""
        self._facts, self._steps = facts, [*self._steps[:1], Step(time.monotonic(), done, total)]
        if len(self._steps) == 1:
            self._tell(self._line())

    def stop(self) -> None:
        """It is over: nothing more is told."""
        self._over.set()
        self._clock.join()

    def _every_minute(self) -> None:
        while not self._over.wait(EVERY):
            self._tell(self._line())

    def _line(self) -> str:
        """What is done and for how long, what it came to, and how long the rest will take."""
        steps, seconds = self._steps, time.monotonic() - self._begin
        text = [f"{self._name} {self._amount(steps[-1].done, steps[-1].total)}" if steps else self._name, *self._facts]
        if seconds >= 1:
            text.append(f"{duration(seconds)} so far")
        if len(steps) > 1 and steps[1].done > steps[0].done:
            first, last = steps
            each = (last.time - first.time) / (last.done - first.done)
            text.append(f"about {duration(each * max(0, last.total - last.done))} left")
        return ", ".join(text)


def duration(seconds: float) -> str:
    """A time for a person: 45 s, 12 min, 3 h 05 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
