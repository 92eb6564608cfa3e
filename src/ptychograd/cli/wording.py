"""What is printed speaks of options in place of fields of a plan, but for those that a person wrote into a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, RenderHook
from rich.text import Text

from ptychograd.output import texts

if TYPE_CHECKING:
    from rich.console import ConsoleRenderable

    from ptychograd.runs.plan.toml import PlanText


class Written:
    """Fields that a person wrote into a file, which keep their names; of other fields options are spoken of.

    Also the file's text, and the fields that were given beside it, in place of its own.
    """

    fields: frozenset[str] = frozenset()
    text: "PlanText | None" = None
    beside: frozenset[str] = frozenset()

    def forget(self) -> None:
        """There is no file."""
        self.fields, self.text, self.beside = frozenset(), None, frozenset()


written = Written()


def worded(text: str) -> str:
    """A sentence with options in place of the fields that it names in backquotes."""
    from ptychograd.cli.option_table import NAMES  # which takes the fields of a plan

    return texts.in_terms_of(NAMES, text, written.fields)


def plainly_worded(text: str) -> str:
    """The same of a text in which fields stand without marks, as in what a plan says of its fields."""
    from ptychograd.cli.option_table import NAMES

    return texts.plainly_in_terms_of(NAMES, text, written.fields)


class _Hook(RenderHook):
    def process_renderables(self, renderables: "list[ConsoleRenderable]") -> "list[ConsoleRenderable]":
        return [
            one.blank_copy(worded(one.plain)) if isinstance(one, Text) and "`" in one.plain else one
            for one in renderables
        ]


def speak_of_fields() -> None:
    """From here on fields are called by their names, as in a file."""
    from ptychograd.runs.plan.listing import fields

    written.fields = frozenset(fields())


@contextmanager
def in_options(*consoles: Console) -> Iterator[None]:
    """All that is printed there meanwhile speaks of options, but of what a plan's file says."""
    written.forget()
    for console in consoles:
        console.push_render_hook(_Hook())
    try:
        yield
    finally:
        for console in consoles:
            console.pop_render_hook()
        written.forget()
