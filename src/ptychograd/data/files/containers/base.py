"""What every kind of file is: known by its first bytes or its name, and opened as named arrays."""

import abc
import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, NamedTuple

from ptychograd.data.dataset import StreamFromFile
from ptychograd.data.files.safety.entries import Catalogue

LOOKED_AT = 512  # bytes at the beginning of a file, by which its kind is known


class Opening(NamedTuple):
    """How a file is to be opened.

    Args:
        links_into: folders, beside its own, whose files it may lead to; None if the caller can't be given any.
        keep: when patterns stay in the file; never unless given.
    """

    links_into: Iterable[str | os.PathLike[str]] | None = None
    keep: StreamFromFile | None = None


class Container(abc.ABC):
    """A kind of file that holds arrays.

    It never unpickles, checks what it allocates (`Entry.check_size`, `bounds`), leads to no file outside of the folder,
    and raises `InputError`, or an error that `damage` makes a sentence of.

    Attributes:
        name: what people call it.
        extensions: endings of its files' names, in small letters.
    """

    name: ClassVar[str]
    extensions: ClassVar[tuple[str, ...]]

    @abc.abstractmethod
    def recognises(self, path: Path, start: bytes) -> bool:
        """Whether a file is of this kind, by its name and its first `LOOKED_AT` bytes (none of a folder)."""

    @abc.abstractmethod
    def opened(self, path: Path, opening: Opening) -> AbstractContextManager[Catalogue]:
        """The arrays of the file, none of which has been read."""
