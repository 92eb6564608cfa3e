"""Files that were there when an array was looked at and have to be there, as long as they were, when it is read.

HDF5 makes zeros of what lies behind the end of a file, and the fill value of a missing source of a virtual dataset.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from ptychograd.core.errors import InputError


class Lengths:
    """The lengths of some files as they are now."""

    def __init__(self, paths: Iterable[Path]):
        self._lengths = {Path(os.path.abspath(path)): _length(path) for path in paths}

    def check(self, what: str) -> None:
        """Raise `InputError` if one of the files is gone, or shorter than it was; `what` can't be read then."""
        for path, length in self._lengths.items():
            now = _length(path)
            if now is None or (length is not None and now < length):
                found = "is gone" if now is None else f"holds {now:,} bytes and held {length:,}"
                raise InputError(f"{what} can't be read: {path} {found}. {ADVICE}")


ADVICE = "Was the file moved, cut short, or its disk taken away?"


def _length(path: Path) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None
