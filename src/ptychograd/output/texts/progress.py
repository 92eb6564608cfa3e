"""How far a long job is, in a line for its log."""

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Step(NamedTuple):
    """What was done of how much, and when, in seconds of a clock."""

    time: float
    done: float
    total: float


def progress_line(
    name: str, amount: Callable[[float, float], str], facts: Sequence[str], seconds: float, steps: Sequence[Step]
) -> str:
    """What is done and for how long, what it came to, and how long the rest will take.

    Args:
        name: of the job, or what is counted.
        amount: what is done of how much, in words.
        facts: further words.
        seconds: since the job began.
        steps: its first step and its last, as far as there are any; the first one has more to do than others.
    """
    text = [f"{name} {amount(steps[-1].done, steps[-1].total)}" if steps else name, *facts]
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
