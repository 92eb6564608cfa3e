"""What was computed and written, and where, if not where it was to go, in words and in the exit status."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.cli.console import FAILED, complain, leave
from ptychograd.core.errors import InputError

if TYPE_CHECKING:
    from ptychograd.data.files.writing.placing import Placed


def placed(write: Callable[[Path], object], path: Path, folder: Path) -> "Placed":
    """Write as `data.files.writing.placing` does, and say what went wrong."""
    from ptychograd.data.files.writing.placing import placed

    where = placed(write, path, folder)
    for problem in where.problems:
        complain(problem)
    return where


def leave_unless_there(*files: "Placed") -> None:
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
