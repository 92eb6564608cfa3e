"""The plan that data call for, as a page for a person to change, and what is to be done with it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.runs.plan.toml_text import Page

if TYPE_CHECKING:
    from ptychograd.automatic import Proposal

TITLE = (
    "A plan of ptychograd: `ptychograd run {}` performs it. A line that begins with # says what is there by default."
)
MARKS = ("MISSING", "GUESSED", "BAD", "DOUBTFUL")
FREQUENT = ("geometry.energy", "geometry.pixel_size")


def page(proposal: "Proposal", to: Path, frequent: Sequence[str]) -> Page:
    """What stands in the plan's file beside its own values: what was found, and fields that are often wanted."""
    notes = {**proposal.notes, "": [TITLE.format(to.name)]}
    return Page(notes, [*frequent, *FREQUENT], proposal.found)


def proposal_lines(proposal: "Proposal", to: Path) -> Iterator[str]:
    """What the plan in that file is for, and what is to be done next."""
    lines = [text for several in proposal.notes.values() for text in several]
    marks = {word: sum(text.startswith(word) for text in lines) for word in MARKS}
    yield f"{to}: a plan for {', '.join(proposal.plan.data.paths)}."
    if found := ", ".join(f"{count} {word}" for word, count in marks.items() if count):
        yield f"Look there for what is marked: {found}."
    yield f"Then: ptychograd run {to}"
