"""Sentences of the library in terms of the command line: a field of a plan is called as the option that gives it."""

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, RenderHook
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import ConsoleRenderable

    from ptychograd.core.errors import InputError
    from ptychograd.runs.plan.toml import PlanText

_NAMED = re.compile(r"`([a-z_]\w*(?:\.[\w-]+)*)(?:=([^`]*))?`")


ALONE = ("seed",)  # fields in no section
OTHERS = {"trusted": "--trust-model"}  # what is no field of a plan, and an option all the same
_PATH = re.compile(r"\b[a-z]+(?:\.[a-z_]+)+\b")


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
    """A sentence with options in place of the fields that it names in backquotes.

    `fit.epochs` is --epochs, `fit.noise=poisson` is --noise poisson, `data.keys.probe=PATH` is --key probe=PATH. A
    field without an option stays as it is; with a value it is given by --set.
    """
    return _NAMED.sub(lambda found: _option(found[0], found[1], found[2]), text) if "`" in text else text


def _option(whole: str, path: str, value: str | None) -> str:
    """How a field is given on the command line; the whole text if it is none."""
    from ptychograd.cli.option_table import OPTIONS
    from ptychograd.runs.plan.listing import field_at

    if path in OTHERS:
        return OTHERS[path]
    about = field_at(path) if "." in path or path in ALONE else None
    if about is None or about.path in written.fields:
        return whole
    option = next((option for option in OPTIONS if option.path == about.path), None)
    if option is None:
        return whole if value is None else f"--set {path}={value}"
    name = path.removeprefix(about.path).removeprefix(".")
    if about.is_flag:
        return option.name
    return " ".join(filter(None, (option.name, "=".join(filter(None, (name, value))))))


def located(problem: "InputError") -> "InputError":
    """The problem with line and cure where it is about the plan in a file that the command was given."""
    return problem if written.text is None else written.text.located_if_from_here(problem, written.beside)


def plainly_worded(text: str) -> str:
    """The same of a text in which fields stand without marks, as in what a plan says of its fields."""
    return _PATH.sub(lambda found: worded(f"`{found[0]}`").strip("`"), text)


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
def in_options(*consoles: Console) -> "Iterator[None]":
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
