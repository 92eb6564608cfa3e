"""How long an automatic run may take, and what was tried in it."""

import math
import time
from collections.abc import Mapping
from typing import NamedTuple


class Budget(NamedTuple):
    """A time that is to be kept: steps that can be left out ask how much is left.

    Args:
        end: on the clock of `time.monotonic`; infinite for no bound.
    """

    end: float = math.inf

    @classmethod
    def of(cls, seconds: float | None) -> "Budget":
        """That many seconds from now; no bound for None."""
        return cls(math.inf if seconds is None else time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds; below 0 where more was taken."""
        return self.end - time.monotonic()

    def share(self, part: float) -> "Budget":
        """A part of what is left, from now."""
        return Budget(self.end - (1 - part) * max(0.0, self.left) if math.isfinite(self.end) else math.inf)

    def allows(self, seconds: float) -> bool:
        """Whether something of so many seconds can still be done."""
        return self.left >= seconds


class Tried(NamedTuple):
    """Something that was tried, as the table of a result's settings has it.

    Args:
        step: of the automatic run, as "start" or "missing".
        what: in words.
        held_out: R of held-out patterns.
        errors: standard errors by which it is better (of a start: worse) than what it is compared with; None if with
            nothing.
        epochs: of the trial.
        is_chosen: whether it went on.
    """

    step: str
    what: str
    held_out: float
    errors: float | None
    epochs: int
    is_chosen: bool

    @classmethod
    def of(cls, summary: Mapping) -> "Tried":
        """The same again, from what went into a result's settings."""
        held_out = summary["held_out"]
        return cls(**{**summary, "held_out": math.nan if held_out is None else held_out})

    @property
    def summary(self) -> dict:
        """What goes into a result's settings and into JSON; no number in it is NaN or infinite."""
        values = self._asdict()
        return {
            name: None if isinstance(one, float) and not math.isfinite(one) else one for name, one in values.items()
        }
