"""What a command writes: where it is, if not where it was to go, in words and in the exit status."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.cli.console import FAILED, complain, leave, say
from ptychograd.core.errors import InputError

if TYPE_CHECKING:
    from ptychograd.data.files.writing.placing import Placed
    from ptychograd.output.plot.overview import Figure


def placed(write: Callable[[Path], object], path: Path) -> "Placed":
    """Write as `data.files.writing.placing` does, and say what went wrong, which makes the command fail."""
    from ptychograd.data.files.writing.placing import placed

    where = placed(write, path, working_folder())
    for problem in where.problems:
        complain(problem)
    return where


def drawn(figure: "Figure", path: Path) -> "Placed":
    """Write a picture as `placed` does, and say where it is."""
    from ptychograd.output.plot import save

    found = placed(partial(save, figure), path)
    say(str(found))
    return found


def leave_unless_there(*files: "Placed") -> None:
    """End at once, with the status of a failure, if a file is not where it was to go."""
    if not all(file.is_there for file in files):
        leave(FAILED)


@cache
def working_folder() -> Path:
    """The folder in which the command was started, wherever the process is now.

    Raises:
        InputError: it is gone.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise InputError("The working folder is gone; go to one that exists and call the command again.") from None
