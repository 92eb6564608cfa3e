"""Showing and saving what is reconstructed along with a scan that is still being written."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ptychograd.cli.console import INTERRUPTED, heard, leave, note
from ptychograd.cli.files import leave_unless_there
from ptychograd.cli.signals import ending
from ptychograd.core.errors import InputError

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset
    from ptychograd.data.files.writing.placing import Placed
    from ptychograd.fitting.result import Result
    from ptychograd.physics.model import AbstractModel
    from ptychograd.runs.job import Job


def followed(job: "Job", end: "Callable[[Dataset, Result], Placed]") -> "tuple[Dataset, AbstractModel | None]":
    """The data when no more patterns come, and the model as it was reconstructed by then.

    Args:
        job: the run that is to come, which saves what there is so far.
        end: writes the result of a run that was cut short.
    """
    from ptychograd.cli.progress import EpochBar
    from ptychograd.fitting.reconstruction import CUT_SHORT
    from ptychograd.fitting.result import NonFiniteError
    from ptychograd.runs.following import FollowedScan
    from ptychograd.runs.machine import devices, in_file

    job.require_followable()
    note(f"waiting for patterns in {job.plan.data.paths[0]}")
    with heard():
        scan = FollowedScan(job.plan, in_file(job.machine, grows=True))
        try:
            with EpochBar("patterns") as bar:
                result = scan.fit(bar.advance, devices(job.machine), job.save, ending.hold)
        except NonFiniteError as problem:
            end(scan.data, problem.result)
            raise InputError(str(problem)) from None
    if result.stopped in CUT_SHORT:
        leave_unless_there(end(scan.data, result))
        note(f"{ending.why}{job.data.name} as it was reconstructed so far is saved")
        leave(INTERRUPTED)
    ending.release()
    note(f"{job.data.name}: {result.stopped}; the run as asked begins")
    with heard():
        return scan.whole(), result.model
