"""Showing and saving what is reconstructed along with a scan that is still being written."""

from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.cli.console import INTERRUPTED, errors, heard, leave
from ptychograd.cli.placed import leave_unless_there
from ptychograd.cli.signals import ending
from ptychograd.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptychograd.data.dataset import Dataset
    from ptychograd.data.files.writing.placing import Placed
    from ptychograd.fitting.result import Result
    from ptychograd.physics.model import AbstractModel
    from ptychograd.runs.plan.plan import Plan
    from ptychograd.runs.plan.sections.other import MachineSection


def followed(
    plan: "Plan",
    machine: "MachineSection",
    save: "Callable[[Dataset, Result], None]",
    end: "Callable[[Dataset, Result], Placed]",
) -> "tuple[Dataset, AbstractModel | None]":
    """The data when no more patterns come, and the model as it was reconstructed by then.

    Args:
        plan: of the run that is to come.
        machine: devices and memory in numbers.
        save: writes the result so far.
        end: writes the result of a run that was cut short.
    """
    import jax

    from ptychograd.cli.progress import EpochBar
    from ptychograd.fitting.reconstruction import CUT_SHORT
    from ptychograd.fitting.result import NonFiniteError
    from ptychograd.runs.following import FollowedScan, check_followed
    from ptychograd.runs.machine import devices, in_file

    check_followed(plan, jax.process_count())
    name = Path(plan.data.paths[0]).name
    errors.print(f"waiting for patterns in {plan.data.paths[0]}", style="dim", soft_wrap=True)
    with heard():
        scan = FollowedScan(plan, in_file(machine, grows=True))
        try:
            with EpochBar("patterns") as bar:
                result = scan.fit(bar.advance, devices(machine), save, ending.hold)
        except NonFiniteError as problem:
            end(scan.data, problem.result)
            raise InputError(str(problem)) from None
    if result.stopped in CUT_SHORT:
        leave_unless_there(end(scan.data, result))
        text = ending.summary or "interrupted; "
        errors.print(f"{text}{name} as it was reconstructed so far is saved", style="dim")
        leave(INTERRUPTED)
    ending.release()
    errors.print(f"{name}: {result.stopped}; the run as asked begins", style="dim", soft_wrap=True)
    with heard():
        return scan.whole(), result.model
