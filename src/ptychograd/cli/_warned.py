"""Warnings of the library as lines beside the results, each of them once."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from ptychograd.cli._console import errors


@contextmanager
def warnings_told() -> Iterator[None]:
    """Print every `UserWarning` as one line to standard error, when it comes; others are shown as always."""
    with warnings.catch_warnings():
        shown = warnings.showwarning

        def show(message, category, filename, lineno, file=None, line=None) -> None:
            if issubclass(category, UserWarning):
                errors.print(" ".join(str(message).split()), style="yellow", soft_wrap=True)
            else:
                shown(message, category, filename, lineno, file, line)

        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = show
        yield
