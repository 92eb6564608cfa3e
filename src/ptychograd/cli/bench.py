"""`ptychograd bench`: how fast this machine is."""

from functools import partial
from typing import Annotated

from cyclopts import Parameter

from ptychograd.cli.console import errors
from ptychograd.cli.console import output as console
from ptychograd.cli.options import Output
from ptychograd.cli.placed import leave_unless_there, placed, working_folder
from ptychograd.core.errors import InputError


def bench(
    *,
    quick: Annotated[bool, Parameter(negative="")] = False,
    rounds: int = 7,
    output: Output = None,
) -> None:
    """Time a step of every solver, beside the Fourier transforms of a batch by the fastest library at hand.

    Args:
        quick: Fewer and smaller cases.
        rounds: Each time is the median of so many.
        output: A JSON file for all numbers.
    """
    from ptychograd.runs.machine import require_devices

    require_devices()
    folder = working_folder()
    from ptychograd.output.texts.benchmarks import case_lines
    from ptychograd.runs.benchmark import CASES, QUICK, bench, require_report, save

    if rounds < 1:
        raise InputError(f"{rounds} rounds; expected 1 or more.")
    if output is not None:
        if output.suffix != ".json":
            raise InputError(f"{output} is to be a JSON file; expected a name that ends in .json.")
        require_report(output)

    errors.print("Anything else that runs meanwhile makes the times longer.", style="dim")
    report = bench(
        QUICK if quick else CASES, rounds, lambda *case: console.print("\n".join(case_lines(*case)), soft_wrap=True)
    )
    console.print("\n" + ", ".join(f"{name} {value}" for name, value in report["machine"].items()), soft_wrap=True)
    if output is not None:
        leave_unless_there(placed(partial(save, report), output, folder))
