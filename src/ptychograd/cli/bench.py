"""`ptychograd bench`: how fast this machine is."""

from functools import partial
from typing import Annotated

from cyclopts import Parameter

import ptychograd as pg
from ptychograd.cli.console import note, say
from ptychograd.cli.files import placed, working_folder
from ptychograd.cli.options import Output
from ptychograd.output import texts


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
    from ptychograd.runs.benchmark import CASES, QUICK, bench, require_report, save
    from ptychograd.runs.machine import require_devices

    working_folder()  # before anyone waits
    require_devices()
    if rounds < 1:
        raise pg.InputError(f"{rounds} rounds; expected 1 or more.")
    if output is not None:
        require_report(output)
    note("Anything else that runs meanwhile makes the times longer.")
    report = bench(QUICK if quick else CASES, rounds, lambda *case: say("\n".join(texts.case_lines(*case))))
    say(texts.machine_line(report))
    if output is not None:
        placed(partial(save, report), output)
