"""Writing what was computed: where it was to go, or else where it is not lost."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ptychograd.core.errors import NotWrittenError


class Placed(NamedTuple):
    """Where a file is, and what kept it from where it was to go.

    Args:
        spoken: where it was to go, as a person calls it.
        found: where it is; None if it could be written nowhere.
        problems: sentences about what went wrong; none if it is where it was to go.
    """

    spoken: Path
    found: Path | None
    problems: tuple[str, ...] = ()

    @property
    def is_there(self) -> bool:
        """Whether it is where it was to go."""
        return not self.problems

    @property
    def elsewhere(self) -> Path | None:
        """Where it is if that is not where it was to go; None if it is there, or nowhere."""
        return None if self.is_there else self.found

    def __str__(self) -> str:
        return str(self.spoken) if self.is_there else str(self.found or "not saved")


def placed(write: Callable[[Path], object], path: Path, folder: Path) -> Placed:
    """Write a file, or a folder with several; if that fails, into the temporary folder.

    Args:
        write: writes to the path that it is given, which has the name of `path`.
        path: as a person calls it, from the folder in which the work began.
        folder: that one, wherever the process may be now.
    """
    try:
        write(folder / path)
    except NotWrittenError as problem:
        return _elsewhere(write, path, problem)
    return Placed(path, folder / path)


def _elsewhere(write: Callable[[Path], object], path: Path, problem: NotWrittenError) -> Placed:
    """Write it into the temporary folder, if that can be."""
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix="ptychograd-"))
        write(folder / path.name)
    except (NotWrittenError, OSError) as another:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        return Placed(path, None, (f"It can't be kept elsewhere either: {another}", str(problem)))
    return Placed(path, folder / path.name, (f"{problem} It is kept as {folder / path.name}.",))
