"""What became of the run of every file, as a table."""

from collections.abc import Sequence
from textwrap import shorten
from typing import TYPE_CHECKING

from ptychograd.core.table import text_table
from ptychograd.output.captions import verdict_code

if TYPE_CHECKING:
    from ptychograd.runs.each import Outcome

WIDEST = 60  # letters of a reason, which was told in full before
COLUMNS = ("file", "R", "epochs", "verdict", "ended")


def outcome_table(outcomes: "Sequence[Outcome]") -> str:
    """R, epochs and verdict of each file, and how its run ended, or the reason why there is no result."""
    return "\n".join(text_table(COLUMNS, list(map(_row, outcomes))))


def _row(outcome: "Outcome") -> tuple[str, ...]:
    result = outcome.result
    if result is None:
        return (outcome.path, "", "", "", shorten(outcome.reason, WIDEST, placeholder=" ..."))
    epochs = result.history.epochs
    r_factor = f"{result.r_factor:.4f}" if epochs else ""
    return (outcome.path, r_factor, str(epochs), verdict_code(result), result.stopped)
