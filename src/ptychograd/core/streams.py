"""Standard output and error that never raise: whether words can be shown is not to decide about a run."""

import contextlib
import os
import sys
from collections.abc import Iterator
from io import TextIOBase


class Stream(TextIOBase):
    """Standard output or error as it is at the moment; what its encoding lacks is written as \\N codes.

    Where nothing can be written any more, because nobody reads it, the terminal is gone or the disk is full, all that
    follows is lost in silence; `problem` tells why.
    """

    def __init__(self, name: str):
        self._name = name
        self.problem: OSError | ValueError | None = None

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the stream as it is at the moment."""
        return getattr(self._now, "encoding", None) or "utf-8"

    def write(self, text: str, /) -> int:
        """Write what can be written."""
        with self._heeded():
            if self._now is not None:
                self._now.write(text.encode(self.encoding, "backslashreplace").decode(self.encoding))
        return len(text)

    def flush(self) -> None:
        """Let it be seen."""
        with self._heeded():
            if self._now is not None:
                self._now.flush()

    def isatty(self) -> bool:
        """Whether a person looks at a terminal."""
        with contextlib.suppress(OSError, ValueError):
            return self._now is not None and self._now.isatty()
        return False

    def fileno(self) -> int:
        """The number of the stream's file, where it has one."""
        if self._now is None:
            raise OSError(f"there is no {self._name}")
        return self._now.fileno()

    @property
    def _now(self):
        """None where the process was started without it; behind a progress bar, what that stands in front of."""
        found = getattr(sys, self._name)
        return getattr(found, "rich_proxied_file", found)

    @contextlib.contextmanager
    def _heeded(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as problem:  # a closed file is a ValueError
            self.problem = self.problem or problem
            with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as nothing:
                os.dup2(nothing.fileno(), self.fileno())  # or what is still to be written fails once more at the end


def ensure_standard_streams() -> None:
    """Let no file that is opened later take the number of a standard stream that is closed, to which C code writes."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
