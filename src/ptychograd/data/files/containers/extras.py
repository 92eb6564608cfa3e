"""Packages that only some kinds of files need, and what they raise on damaged files."""

import contextlib
import logging
import struct
from collections.abc import Iterator

from ptychograd.core.errors import InputError
from ptychograd.data.files.safety.entries import damage

EXTRAS = {  # the extra of this package that installs a module
    "fabio": "detectors",
    "imagecodecs": "detectors",
    "rsciio": "microscopes",
}
RAISED = (
    *(AttributeError, AssertionError, IndexError, NameError, NotImplementedError, ZeroDivisionError, struct.error),
)


@contextlib.contextmanager
def needed(module: str, what: str) -> Iterator[None]:
    """Where a module is missing, by itself or for a library that says so, the sentence that names the way to it."""
    try:
        yield
    except InputError:
        raise
    except (ImportError, ValueError, KeyError) as problem:
        missing = str(getattr(problem, "name", None) or problem).strip("\"'")
        if module not in missing:
            raise
        raise InputError(
            f"{what} need the package {module}, which is not installed: pip install 'ptychograd[{EXTRAS[module]}]'."
        ) from None


@contextlib.contextmanager
def library(what: str, *own: type[Exception]) -> Iterator[None]:
    """Turn what a library raises on a damaged file, errors of its `own` among it, into a sentence that begins so."""
    with damage(what):
        try:
            yield
        except (*RAISED, *own) as problem:
            raise InputError(f"{what} ({type(problem).__name__}: {problem}).") from None


@contextlib.contextmanager
def reports(logger: str, level: int = logging.ERROR) -> Iterator[list[str]]:
    """What a library logs meanwhile, which goes on without what it can't find."""
    found: list[str] = []
    handler, speaker = logging.Handler(level), logging.getLogger(logger)
    handler.emit = lambda record: found.append(record.getMessage().split("> ")[-1])
    speaks, others = speaker.propagate, speaker.handlers
    speaker.propagate, speaker.handlers = False, [handler]
    try:
        yield found
    finally:
        speaker.propagate, speaker.handlers = speaks, others
