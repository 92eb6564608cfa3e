"""The table of commands, and what happens to their errors."""

import os

from cyclopts import App
from cyclopts.exceptions import CycloptsError

from ptychograd._errors import InputError
from ptychograd._version import __version__
from ptychograd.cli._console import FAILED, INTERRUPTED, complain, errors, leave
from ptychograd.cli._warned import warnings_told

app = App(
    name="ptychograd",
    version=__version__,
    suppress_keyboard_interrupt=False,
    help="Ptychography by automatic differentiation: from diffraction patterns to object and probe.",
)
COMMANDS = {
    "simulate": "Simulate a measurement, with its ground truth beside it.",
    "inspect": "Say what is in a data file, and what is missing.",
    "diagnose": "Check a data set before it is reconstructed: scan, beam, counts, mask, and how the axes lie.",
    "reconstruct": "Reconstruct object and probe of a scan.",
    "resume": "Go on with a run that was interrupted, or to more epochs.",
    "sweep": "Reconstruct at every point of a grid of settings.",
    "scan-distance": "Find the distance at which a near field fits best.",
    "compare": "Compare a result with the truth that its data were simulated from.",
    "frc": "Find the resolution: reconstruct two halves of the patterns and correlate them.",
    "residuals": "Show which patterns and which detector pixels a result does not explain.",
    "plot": "Draw a result into a picture.",
    "export": "Write a result's object for Fiji, napari or ParaView.",
    "reproduce": "Run the paper's experiments, with its numbers beside ours.",
    "bench": "Time every solver on this machine.",
    "demo": "Simulate, reconstruct, compare and draw, to see it work.",
}
for command, help_text in COMMANDS.items():
    # A module of its own is read when its command is called; the table of commands needs none of them.
    module = command.replace("-", "_")
    app.command(f"ptychograd.cli._{module}:{module}", name=command, help=help_text)


def main(arguments: list[str] | None = None) -> None:
    """Run one command; anything a person can mend ends in one sentence and exit status 2."""
    # XLA reports every program that it takes from the cache as an error, about features that no CPU has.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with warnings_told():
            app(arguments, exit_on_error=False, print_error=False)
    except (InputError, CycloptsError) as problem:
        complain(_one_line(problem))
        leave(FAILED)
    except KeyboardInterrupt:
        errors.print("ptychograd: interrupted; nothing more was written.")
        leave(INTERRUPTED)


def _one_line(problem: Exception) -> str:
    return " ".join(str(problem).split())
