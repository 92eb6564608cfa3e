"""`ptychograd auto`: from data files to a result of which is said how far it is to be trusted, with nothing said."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.cli.console import FAILED, INTERRUPTED, complain, errors, heard, leave
from ptychograd.cli.options import Json, Options, plan_of
from ptychograd.core.errors import InputError

if TYPE_CHECKING:
    from ptychograd.automatic import StartTrial
    from ptychograd.data.dataset import Dataset
    from ptychograd.data.files.writing.placing import Placed
    from ptychograd.fitting.result import Result
    from ptychograd.runs.job import Job
    from ptychograd.runs.plan.plan import Plan

USUAL_TRIALS = 40  # of a search of the start, by which the bar moves


def auto(
    *data: Path,
    time: str = "10min",
    options: Options = Options(),
    json: Json = False,
) -> None:
    """Prepare data, find the start, reconstruct, look for what is missing, and say how sure the image is.

    What you say, by options or --set, is not searched. Each decision is told; notes and trials stand in the result, and
    the plan that makes it again beside it. `ptychograd resume` goes on with a run that was interrupted.

    Args:
        data: CXI, HDF5 or NPZ; several files are one scan. By default those of the plan.
        time: How long it may take, as 30s, 10min or 2h; what can be left out then is.
    """
    import time as clock

    from ptychograd import automatic
    from ptychograd.cli.job import ended, read_data, report
    from ptychograd.cli.placed import leave_unless_there
    from ptychograd.cli.progress import ShareBar
    from ptychograd.runs.machine import in_file

    plan, begin = plan_of(options, data), clock.monotonic()
    job = _begun(plan)
    keep = in_file(job.machine)
    with heard(), ExitStack() as shown:
        bar = shown.enter_context(ShareBar("starts"))

        def on_trial(trial: "StartTrial") -> None:
            bar.advance(1 / USUAL_TRIALS, f"{trial.candidate.text}: R {trial.r_factor:.4f}")

        perform = partial(_perform, job, shown)
        result = automatic.auto((), job.plan, time=time, perform=perform, on_trial=on_trial, keep=keep)
    job = job._replace(plan=job.plan.of_result(result, trusted=True))
    read = read_data(job.plan, keep)
    where = ended(job, read, result)
    _save_plan(job.plan, where)
    report(where, result, read.count, clock.monotonic() - begin, json)
    leave_unless_there(where)


def _begun(plan: "Plan") -> "Job":
    """The job of a plan, after all that can be refused at once was looked at, and the process is set up."""
    from ptychograd.cli.job import begun

    if plan.data.each or plan.data.follow:
        raise InputError("`data.each` and `data.follow` are for `reconstruct`; call `auto` for one scan that is whole.")
    return begun(plan)


def _perform(job: "Job", shown: ExitStack, plan: "Plan", data: "Dataset") -> "Result":
    """A run that is shown and saved now and then; one that is interrupted is saved, and the command ends."""
    from ptychograd.cli.job import ended, monitored
    from ptychograd.cli.signals import ending
    from ptychograd.fitting.reconstruction import CUT_SHORT
    from ptychograd.fitting.result import NonFiniteError

    shown.close()  # the bar of trials
    here = job._replace(plan=plan)
    planned = here.planned(data)
    try:
        result = monitored(here, planned)
    except NonFiniteError as problem:
        where = ended(here, data, problem.result)
        complain(f"{problem} It is in {where}.")
        leave(FAILED)
    ending.release()
    if result.stopped not in CUT_SHORT:
        return planned.validated(result)
    here.require_news(result)
    where = ended(here, data, result)
    errors.print(f"{ending.summary}`ptychograd resume {where}` goes on with the run", style="dim", soft_wrap=True)
    leave(INTERRUPTED)


def _save_plan(plan: "Plan", where: "Placed") -> None:
    """The plan of a result, as TOML beside it."""
    if where.found is None:
        return
    path = where.found.with_suffix(".toml")
    plan.save(path)
    errors.print(f"{where.spoken.with_suffix('.toml')}: its plan; `ptychograd run` makes it again", style="dim")
