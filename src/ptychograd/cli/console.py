"""Where the commands write: results to standard output, everything else beside it."""

import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import NoReturn, TextIO, cast

from rich.console import Console

from ptychograd.cli.wording import worded, written
from ptychograd.core.errors import InputError
from ptychograd.core.log import log
from ptychograd.core.streams import Stream
from ptychograd.core.table import as_json
from ptychograd.runs.signals import ending

INTERRUPTED, FAILED = 130, 2  # exit statuses

standard_output, standard_error = Stream("stdout"), Stream("stderr")
output = Console(file=cast(TextIO, standard_output), highlight=False, markup=False, emoji=False)
errors = Console(file=cast(TextIO, standard_error), stderr=True, highlight=False, markup=False, emoji=False)


class Process:
    """What stands before an error (the program, and which of several processes it is), and whether there was one."""

    prefix = "ptychograd: "
    has_failed = False


process = Process()


def complain(sentence: str) -> None:
    """Say what went wrong, also where a process says nothing else; a command that did ends in failure."""
    process.has_failed, errors.quiet = True, False
    errors.print(process.prefix + sentence, style="red", soft_wrap=True)


def say(*texts: str) -> None:
    """Print results, each in lines of its own; an empty text is nothing to say."""
    for text in filter(None, texts):
        output.print(text, soft_wrap=True)


def note(*texts: str, style: str = "dim") -> None:
    """Say beside the results what goes on."""
    for text in filter(None, texts):
        errors.print(text, style=style, soft_wrap=True)


warn = partial(note, style="yellow")  # of what may make a result wrong


def say_table(rows: Iterable[tuple], styles: Sequence[str] = ("bold", ""), lines: Sequence[str] = ()) -> None:
    """Print rows side by side, columns in `styles`, each row in the style that `lines` has for it, if any."""
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for style in styles[:-1]:
        table.add_column(style=style, no_wrap=True)
    table.add_column(style=styles[-1])
    for row, style in zip_longest(rows, lines):
        table.add_row(*map(worded, row), style=style)
    output.print(table)


def sentence_of(problem: Exception) -> str:
    """What a person can mend, in a sentence; raises on an error of the run time that is not about the computer."""
    if isinstance(problem, InputError) and written.text is not None:  # it may be about the plan's file
        problem = written.text.located_if_from_here(problem, written.beside)
    text = " ".join(str(problem).split())
    if isinstance(problem, RuntimeError):
        from ptychograd.runs.machine import lacking

        text = lacking(problem) or ""
        if not text:
            raise problem
    return text or "There is not enough memory."


def tell_json(figures: Mapping, json: bool = True) -> None:
    """What `--json` asks for, if it was given: one line of plain ASCII, with null for a number that is none."""
    say(as_json(figures) if json else "")


class _Heard(logging.Handler):
    """What the library logs, beside the results: notes dim, what may make a result wrong in yellow."""

    def emit(self, record: logging.LogRecord) -> None:
        (warn if record.levelno > logging.INFO else note)(record.getMessage())


@contextmanager
def heard(level: int = logging.INFO) -> Iterator[None]:
    """Say what the library logs meanwhile, from a level on; once, also where somebody further out listens already."""
    if any(isinstance(one, _Heard) for one in log.handlers):
        yield
        return
    handler, before = _Heard(level), log.level
    log.addHandler(handler)
    log.setLevel(level)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show warnings as one line each, once, without the place in the code that they come from."""
    shown: set[str] = set()

    def show(message, category, filename, lineno, file=None, line=None):
        text = " ".join(str(message).split())
        if text not in shown:
            shown.add(text)
            warn(f"{process.prefix}warning: {text}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def leave(status: int) -> NoReturn:
    """End the process; of several, at once: the others find out from that, and none waits for one that has failed."""
    jax = sys.modules.get("jax")
    if jax is not None and jax.distributed.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


@contextmanager
def archived_when_interrupted(folder: Path) -> Iterator[None]:
    """Say, after an interrupt, that finished runs are kept, and how to go on; exit status 130."""
    try:
        yield
    except KeyboardInterrupt:
        count = len(list((folder / "runs").glob("*.h5")))
        where = f"{count} finished runs are kept in {folder / 'runs'}"
        note(f"ptychograd: {ending.why}{where}, and the same command goes on from them.", style="")
        sys.exit(INTERRUPTED)
