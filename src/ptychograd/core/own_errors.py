"""Errors of a person's own code: they pass as they are, with a note on where in a run that code was called."""

import inspect
from collections.abc import Callable
from functools import partial
from types import TracebackType

from ptychograd.core.overriding import is_own_kind


class CalledFrom:
    """A context in which code is called; where that is one's own, an error in it gets a note. The error passes.

    Args:
        code: a function, or an object that is called.
        where: what it is to the run, and when: "the stage action before epoch 3".
    """

    def __init__(self, code: object, where: str):
        self.code, self.where = code, where

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(problem, Exception) and (name := own_name(self.code)):
            problem.add_note(f"It was raised in {name}, {self.where}.")


def own_name(code: object) -> str:
    """The name of a function, or the class of an object, of one's own; empty for those of the package."""
    code = code.func if isinstance(code, partial) else code
    found: type | Callable = code if inspect.isroutine(code) else type(code)
    return found.__qualname__.rpartition("<locals>.")[2] if is_own_kind(found) else ""
