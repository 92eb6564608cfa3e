"""The table of commands, and what happens to their errors."""

import os
import sys

from cyclopts import App
from cyclopts.exceptions import CycloptsError

from ptychograd._errors import InputError
from ptychograd._version import __version__
from ptychograd.cli._console import FAILED, INTERRUPTED, errors

app = App(
    name="ptychograd",
    version=__version__,
    suppress_keyboard_interrupt=False,
    help="Ptychography by automatic differentiation: from diffraction patterns to object and probe.",
)
for command in ("simulate", "inspect", "reconstruct", "sweep", "compare", "plot", "reproduce", "bench", "demo"):
    app.command(f"ptychograd.cli._{command}:{command}", name=command)


def main(arguments: list[str] | None = None) -> None:
    """Run one command; anything a person can mend ends in one sentence and exit status 2."""
    # XLA reports every program that it takes from the cache as an error, about features that no CPU has.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        app(arguments, exit_on_error=False, print_error=False)
    except (InputError, CycloptsError) as problem:
        errors.print(f"ptychograd: {_one_line(problem)}", style="red", soft_wrap=True)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        errors.print("ptychograd: interrupted; nothing was written.")
        sys.exit(INTERRUPTED)


def _one_line(problem: Exception) -> str:
    return " ".join(str(problem).split())
