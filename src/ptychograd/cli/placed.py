"""Writing what was computed: where it was to go, or else where it is not lost."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ptychograd.cli.console import FAILED, complain, errors, leave
from ptychograd.core.errors import InputError, NotWrittenError


class Placed(NamedTuple):
    """Where a file is (None if it could be written nowhere), and whether that is where it was to go."""

    spoken: Path
    found: Path | None
    is_there: bool

    def __str__(self) -> str:
        return str(self.spoken) if self.is_there else str(self.found or "not saved")


def placed(write: Callable[[Path], object], path: Path, folder: Path) -> Placed:
    """Write a file, or a folder with several; if that fails, into the temporary folder, which is said.

    Args:
        write: writes to the path that it is given, which has the name of `path`.
        path: as a person calls it, from the folder in which the command was started.
        folder: that one, wherever the process may be now.
    """
    try:
        write(folder / path)
    except NotWrittenError as problem:
        return Placed(path, _elsewhere(write, path, problem), False)
    return Placed(path, folder / path, True)


def _elsewhere(write: Callable[[Path], object], path: Path, problem: NotWrittenError) -> Path | None:
    """Write it into the temporary folder; None if that can't be either."""
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix="ptychograd-"))
        write(folder / path.name)
    except (NotWrittenError, OSError) as another:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        errors.print(f"It can't be kept elsewhere either: {another}", style="red", soft_wrap=True)
        complain(str(problem))
        return None
    complain(f"{problem} It is kept as {folder / path.name}.")
    return folder / path.name


def leave_unless_there(*files: Placed) -> None:
    """End the command with the status of a failure if a file is not where it was to go."""
    if not all(file.is_there for file in files):
        leave(FAILED)


def working_folder() -> Path:
    """The folder in which the command was started.

    Raises:
        InputError: it is gone.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise InputError("The working folder is gone; go to one that exists and call the command again.") from None
