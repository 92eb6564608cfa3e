"""Where the commands write: results to standard output, everything else beside it."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TextIO, cast

from rich.console import Console

from ptychograd.cli.signals import ending
from ptychograd.cli.streams import Stream
from ptychograd.cli.wording import located
from ptychograd.core.errors import InputError
from ptychograd.core.log import log
from ptychograd.core.table import as_json

INTERRUPTED, FAILED = 130, 2  # exit statuses

standard_output, standard_error = Stream("stdout"), Stream("stderr")
output = Console(file=cast(TextIO, standard_output), highlight=False, markup=False, emoji=False)
errors = Console(file=cast(TextIO, standard_error), stderr=True, highlight=False, markup=False, emoji=False)


class Prefix:
    """What stands before an error: the program, and which of several processes it is."""

    text = "ptychograd: "


prefix = Prefix()


def complain(sentence: str) -> None:
    """Say what went wrong, also where a process says nothing else."""
    errors.quiet = False
    errors.print(prefix.text + sentence, style="red", soft_wrap=True)


def sentence_of(problem: Exception) -> str:
    """What a person can mend, in a sentence; raises on an error of the run time that is not about the computer."""
    text = " ".join(str(located(problem) if isinstance(problem, InputError) else problem).split())
    if isinstance(problem, RuntimeError):
        from ptychograd.runs.machine import lacking

        found = lacking(problem)
        if found is None:
            raise problem
        text = found
    return text or "There is not enough memory."


def tell_json(figures: Mapping) -> None:
    """What `--json` asks for: one line of plain ASCII, with null for a number that is none."""
    output.print(as_json(figures), soft_wrap=True)


class _Heard(logging.Handler):
    """What the library logs, beside the results: notes dim, what may make a result wrong in yellow."""

    def emit(self, record: logging.LogRecord) -> None:
        errors.print(record.getMessage(), style="yellow" if record.levelno > logging.INFO else "dim", soft_wrap=True)


@contextmanager
def heard() -> Iterator[None]:
    """Say what the library logs meanwhile, once, also where somebody further out listens already."""
    if any(isinstance(one, _Heard) for one in log.handlers):
        yield
        return
    handler, before = _Heard(logging.INFO), log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
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
            errors.print(f"{prefix.text}warning: {text}", style="yellow", soft_wrap=True)

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
        errors.print(
            f"ptychograd: {ending.summary or 'interrupted; '}{where}, and the same command goes on from them.",
            soft_wrap=True,
        )
        sys.exit(INTERRUPTED)
