"""What a person, or a program, is told of a search of the start."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ptychograd.core.table import text_table

if TYPE_CHECKING:
    from ptychograd.automatic import StartSearch

SHOWN = 12  # rows of the table
COLUMNS = ("held-out R", "standard errors", "start", "positions")


def search_lines(found: "StartSearch") -> Iterator[str]:
    """The table of the best trials, how far each is from the best, and what was found."""
    from ptychograd.automatic.orientation.preference import errors_apart

    rows = []
    for trial in found.trials[:SHOWN]:
        one, away = trial.candidate, errors_apart(found.best, trial)
        rows.append((f"{trial.r_factor:.4f}", f"{away:.1f}", one.text, one.placing.text))
    yield "\n" + "\n".join(text_table(COLUMNS, rows))
    yield from (f"{note}." for note in found.notes)


def search_figures(found: "StartSearch") -> dict:
    """The fields of the best start, and how sure it is."""
    fields = {path: str(value) for path, value in found.best.candidate.all_fields.items()}
    return {"fields": fields, "notes": found.notes, "standard_errors_to_next": found.errors}
