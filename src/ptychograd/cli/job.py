"""One reconstruction from file to file, with progress: what `reconstruct`, `resume` and `demo` do."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.cli.console import FAILED, INTERRUPTED, complain, errors, heard, leave, output, tell_json
from ptychograd.cli.placed import leave_unless_there, placed, working_folder
from ptychograd.cli.signals import ending
from ptychograd.core.errors import InputError
from ptychograd.output.texts.runs import run_figures, run_lines
from ptychograd.runs.plan.plan import Plan

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset, StreamFromFile
    from ptychograd.data.files.writing.placing import Placed
    from ptychograd.fitting.result import Result
    from ptychograd.runs.job import Job
    from ptychograd.runs.planned import PlannedRun


def run(plan: Plan, json: bool = False, resume: "Result | None" = None, epochs: int | None = None) -> "Result":
    """Read, reconstruct and save; after an interrupt (status 130) or a failure (2) it saves what there is."""
    from ptychograd.fitting.reconstruction import CUT_SHORT, LOST
    from ptychograd.fitting.result import NonFiniteError

    job = begun(plan, resume, epochs)
    with heard():
        data, model = _followed(job) if plan.data.follow else (job.read(), None)
        begin = time.perf_counter()
        planned = job.planned(data, model)
    if resume is None and starts_unnamed(job.plan, data):
        errors.print("no start is named; `ptychograd auto` would look for one", style="dim", soft_wrap=True)
    end = partial(ended, job, data)
    try:
        result = monitored(job, planned)
    except NonFiniteError as problem:
        ending.hold()
        where = end(problem.result)
        complain(f"{problem} It is in {where}." if where.found else str(problem))
        leave(FAILED)
    seconds = time.perf_counter() - begin
    job.require_news(result)
    where = end(result)
    ending.release()
    if planned.is_to_be_validated(result):
        errors.print("patterns that were held out are looked at ...", style="dim")
        result = planned.validated(result)
        where = _once_more(end, result, where)
    report(where, result, planned.run.data.count, seconds, json)
    leave_unless_there(where)
    if result.stopped in CUT_SHORT and result.history.epochs != plan.output.stop_after:
        leave(INTERRUPTED if result.stopped != LOST else FAILED)
    return result


def begun(plan: Plan, resume: "Result | None" = None, epochs: int | None = None) -> "Job":
    """The job of a plan, in a process that is set up for it."""
    from ptychograd.cli.machine import start
    from ptychograd.runs.job import Job
    from ptychograd.runs.machine import as_before

    if not plan.data.paths:
        raise InputError("No data: name a file, or give it in the plan as `data.paths`.")
    machine = as_before(plan.machine, resume.settings if resume else {})
    plan.check()  # what is wrong with it is said before there is anything to wait for
    start(machine)
    with heard():
        return Job.of(plan, machine, working_folder(), resume, epochs)


def _followed(job: "Job"):
    """The data, and the model as it was reconstructed while they were measured."""
    from ptychograd.cli.follow import followed

    job.require_own_place(None)
    return followed(job.plan, job.machine, job.save, partial(ended, job))


def starts_unnamed(plan: Plan, data: "Dataset") -> bool:
    """Whether a far field begins with the mean pattern in focus, as neither plan nor file say anything of its beam."""
    from ptychograd.data.dataset import BraggGeometry, NearFieldGeometry

    said = plan.model.start.model_fields_set - {"object"}
    is_far = not isinstance(data.geometry, BraggGeometry | NearFieldGeometry)
    return is_far and not said and data.probe is None and data.positions is not None and plan.is_of_package


def read_data(plan: Plan, keep: "StreamFromFile | None" = None) -> "Dataset":
    """The data set, after telling what was guessed about it; `keep` says when its patterns stay in the file."""
    with heard():
        return plan.read(keep)


def monitored(job: "Job", planned: "PlannedRun") -> "Result":
    """The result of a run that fits into memory; it is shown, and saved now and then, while it goes on."""
    from ptychograd.cli.progress import EpochBar

    planned.memory.check()
    errors.print(planned.memory.summary, style="dim", soft_wrap=True)
    with heard(), EpochBar() as bar, job.checkpoints(planned.data) as checkpoints:
        result = planned.perform(job.after_epoch(bar.advance, checkpoints), job.resume, job.epochs)
        ending.hold()  # until what it found is saved
    return result


def ended(job: "Job", data: "Dataset", result: "Result", path: Path | None = None) -> "Placed":
    """Write the result of a run that has ended: to its place (or `path`), or else where it is not lost."""
    return placed(partial(job.save, data, result), path or job.result_path, job.folder)


def _once_more(end: "Callable[..., Placed]", result: "Result", before: "Placed") -> "Placed":
    """Write a result that was written before, and is now better known, to where it is."""
    elsewhere = None if before.is_there else before.found
    now = end(result, elsewhere)
    return now if elsewhere is None else now._replace(problems=before.problems + now.problems)


def report(where: "Placed", result: "Result", count: int, seconds: float, json: bool) -> None:
    """Say what came of a run of so many patterns, and how to go on."""
    from ptychograd.fitting.reconstruction import INTERRUPTED as STOPPED
    from ptychograd.fitting.reconstruction import LOST

    for text in run_lines(where, result, count, seconds):
        output.print(text, soft_wrap=True)
    if result.stopped == STOPPED:
        errors.print(f"{ending.summary}`ptychograd resume {where}` goes on", style="dim", soft_wrap=True)
    if json:
        tell_json(run_figures(result, count, seconds))
    if LOST in result.settings:
        why = result.settings[LOST]
        complain(f"another process ended ({why}); `ptychograd resume {where}` goes on.")
