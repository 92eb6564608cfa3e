"""What a person names as the files of a scan: files, folders, patterns of names, and images that are one stack."""

import contextlib
import glob
import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import StreamFromFile
from ptychograd.data.files.containers.base import Opening
from ptychograd.data.files.containers.folder import image_kind, opened_together
from ptychograd.data.files.containers.frames import natural
from ptychograd.data.files.safety import Catalogue, opened

Named = str | os.PathLike[str]


class Source(NamedTuple):
    """A file or a folder, or several images that are one stack."""

    paths: tuple[Path, ...]

    @property
    def name(self) -> str:
        """What it is called in notes."""
        return self.paths[0].name if len(self.paths) == 1 else f"{self.paths[0].name} and {len(self.paths) - 1} more"

    def __str__(self) -> str:
        return str(self.paths[0]) if len(self.paths) == 1 else f"{self.paths[0]} and {len(self.paths) - 1} more"

    @contextlib.contextmanager
    def opened(self, links_into: Sequence[Named], keep: StreamFromFile | None) -> Iterator[Catalogue]:
        """What is in it."""
        if len(self.paths) == 1:
            with opened(self.paths[0], links_into, keep) as catalogue:
                yield catalogue
        else:
            with opened_together(self.paths, Opening(links_into, keep)) as catalogue:
                yield catalogue


def expanded(named: Named) -> list[str]:
    """The names that a pattern stands for, in the order of the numbers in them; any other name is itself.

    Raises:
        InputError: no file has such a name.
    """
    text = os.fspath(named)
    if not glob.has_magic(text) or os.path.lexists(text):
        return [text]
    found = sorted(glob.glob(text, recursive=True), key=natural)
    if not found:
        raise InputError(f"{text}: no file has a name of this form.")
    return found


def sources(named: Named | Sequence[Named]) -> list[Source]:
    """The parts of a scan: each file or folder one, but images of one kind, one after another, one stack.

    Raises:
        InputError: no file is named, or no file has such a name.
    """
    several = [named] if isinstance(named, str | os.PathLike) else list(named)
    paths = [Path(path) for one in several for path in expanded(one)]
    if not paths:
        raise InputError('`data.paths` names no file; give one, as data = {paths = ["scan.h5"]}.')
    if len(paths) == 1:
        return [Source((paths[0],))]
    found: list[Source] = []
    for kind, group in groupby(paths, image_kind):
        files = tuple(group)
        found += [Source((path,)) for path in files] if kind is None else [Source(files)]
    return found
