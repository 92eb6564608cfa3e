"""The table of commands, and what happens to their errors."""

import os
from contextlib import suppress

from cyclopts import App
from cyclopts.exceptions import CycloptsError

from ptychograd.cli import console
from ptychograd.cli.console import FAILED, INTERRUPTED, complain, leave, note, process
from ptychograd.cli.files import working_folder
from ptychograd.cli.wording import in_options
from ptychograd.core.errors import InputError
from ptychograd.core.streams import ensure_standard_streams
from ptychograd.core.version import __version__
from ptychograd.runs.signals import ending

app = App(
    name="ptychograd",
    console=console.output,
    result_action="return_value",
    version=__version__,
    suppress_keyboard_interrupt=False,
    help="Ptychography by automatic differentiation: from diffraction patterns to object and probe.",
)
COMMANDS = {
    "auto": "From files to a result that says how far it is to be trusted, with nothing said.",
    "simulate": "Simulate a measurement, with its ground truth beside it.",
    "inspect": "Say what is in a data file, and what is missing; or what a result is, and what to do with it.",
    "diagnose": "Check a data set before it is reconstructed: scan, beam, counts, mask, and how the axes lie.",
    "prepare": "Write data as a reconstruction takes them: in photons, centred, cropped, binned, without bad pixels.",
    "init": "Look at data and write a plan for them, which you change and run.",
    "validate": "Check a plan without performing it.",
    "plan": "Print the plan of a result, which makes it again.",
    "reconstruct": "Reconstruct object and probe of a scan.",
    "run": "Reconstruct as a plan in a file asks for; all options of `reconstruct` will do beside it.",
    "resume": "Go on with a run that was interrupted, or to more epochs.",
    "sweep": "Reconstruct at every point of a grid of settings.",
    "scan-distance": "Find the distance at which a near field fits best.",
    "compare": "Compare a result with the truth that its data were simulated from.",
    "frc": "Find the resolution: reconstruct two halves of the patterns and correlate them.",
    "residuals": "Show which patterns and which detector pixels a result does not explain.",
    "plot": "Draw a result into a picture.",
    "export": "Write a result for other programs: CXI, ptychodus, NeXus, MAT, TIFF, MRC, ParaView.",
    "reproduce": "Run the paper's experiments, with its numbers beside ours.",
    "bench": "Time every solver on this machine.",
    "demo": "Simulate, reconstruct, compare and draw, to see it work.",
}
GROUPED = {"run": "reconstruct", "scan-distance": "sweep"}  # in whose module a command stands beside another
for command, help_text in COMMANDS.items():
    # A module of its own is read when its command is called; the table of commands needs none of them.
    function = command.replace("-", "_")
    app.command(f"ptychograd.cli.{GROUPED.get(command, function)}:{function}", name=command, help=help_text)


def main(arguments: list[str] | None = None) -> None:
    """Run one command; anything a person can mend ends in one sentence and exit status 2."""
    # XLA reports every program that it takes from the cache as an error, about features that no CPU has.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    ensure_standard_streams()
    process.has_failed = False
    working_folder.cache_clear()
    with suppress(InputError):  # whoever asks for it later hears that it is gone
        working_folder()
    with in_options(console.errors, console.output):
        _run(arguments)
    problem = console.standard_output.problem
    if problem is not None and not isinstance(problem, BrokenPipeError):  # a reader who has gone away wanted no more
        complain(f"Not all could be written to standard output: {problem}.")
    if process.has_failed:
        leave(FAILED)


def _run(arguments: list[str] | None) -> None:
    try:
        with console.plain_warnings():
            app(arguments, exit_on_error=False, print_error=False)
    except (InputError, CycloptsError, MemoryError, RuntimeError) as problem:
        complain(console.sentence_of(problem))
        leave(FAILED)
    except KeyboardInterrupt:
        note(f"ptychograd: {ending.why}nothing more was written.", style="")
        leave(INTERRUPTED)
