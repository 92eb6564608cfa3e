"""One reconstruction from file to file, with progress: what `reconstruct`, `resume` and `demo` do."""

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import ptychograd as pg
from ptychograd.cli import engine
from ptychograd.cli.console import FAILED, INTERRUPTED, complain, heard, leave, note, say, tell_json
from ptychograd.cli.files import leave_unless_there, placed, working_folder
from ptychograd.cli.progress import EpochBar
from ptychograd.output import texts
from ptychograd.runs.signals import ending

if TYPE_CHECKING:
    from ptychograd.data.files.writing.placing import Placed


def run(plan: pg.Plan, json: bool = False, resume: "pg.Result | None" = None, epochs: int | None = None) -> "pg.Result":
    """Read, reconstruct and save; after an interrupt (status 130) or a failure (2) it saves what there is."""
    from ptychograd.fitting.reconstruction import LOST

    job = begun(plan, resume, epochs)
    with heard():
        data, model = followed(job) if plan.data.follow else (job.read(), None)
        begin = time.perf_counter()
        planned = job.planned(data, model)
    note("" if resume or not job.starts_unnamed(data) else "no start is named; `ptychograd auto` would look for one")
    result = performed(job, planned)
    seconds = time.perf_counter() - begin
    job.require_news(result)
    first = where = saved(job, data, result)
    ending.release()
    if planned.is_to_be_validated(result):
        note("patterns that were held out are looked at ...")
        result = planned.validated(result)
        where = saved(job, data, result, first.elsewhere)
    report(where, result, planned.run.data.count, seconds, json, job.ending_of(result))
    leave_unless_there(first, where)
    if job.is_cut_short(result):
        leave(INTERRUPTED if result.stopped != LOST else FAILED)
    return result


def begun(plan: pg.Plan, resume: "pg.Result | None" = None, epochs: int | None = None) -> "pg.runs.Job":
    """The job of a plan, in a process that is set up for it."""
    from ptychograd.runs.job import require_data
    from ptychograd.runs.machine import as_before
    from ptychograd.runs.plan.requirements import check_fields

    require_data(plan)
    machine = as_before(plan.machine, resume.settings if resume else {})
    check_fields(plan)  # what is wrong with them is said before there is anything to wait for
    engine.start(machine)
    plan.check()  # it makes the solver, whose arrays, or those of a module of one's own, would begin JAX too early
    with heard():
        return pg.runs.Job.of(plan, machine, working_folder(), resume, epochs)


def followed(job: "pg.runs.Job") -> "tuple[pg.Dataset, pg.AbstractModel | None]":
    """The data when no more patterns come, and the model as it was reconstructed, shown and saved by then."""
    from ptychograd.fitting.reconstruction import CUT_SHORT
    from ptychograd.fitting.result import NonFiniteError
    from ptychograd.runs.following import FollowedScan, start_of_run
    from ptychograd.runs.machine import devices, in_file

    job.require_followable()
    note(f"waiting for patterns in {job.plan.data.paths[0]}")
    with heard():
        scan = FollowedScan(job.plan, in_file(job.machine, grows=True))
        try:
            with EpochBar("patterns") as bar:
                result = scan.fit(bar.advance, devices(job.machine), job.save, ending.hold)
        except NonFiniteError as problem:
            saved(job, scan.data, problem.result)
            raise pg.InputError(str(problem)) from None
    if result.stopped in CUT_SHORT:
        leave_unless_there(saved(job, scan.data, result))
        note(f"{ending.why}{job.data.name} as it was reconstructed so far is saved")
        leave(INTERRUPTED)
    ending.release()
    note(f"{job.data.name}: {result.stopped}; the run as asked begins")
    with heard():
        whole = scan.whole()
        return whole, start_of_run(job.plan, whole, result)


def performed(job: "pg.runs.Job", planned: "pg.runs.PlannedRun") -> "pg.Result":
    """The result of a run that fits into memory; it is shown, and saved now and then, while it goes on.

    One that diverges is saved, and the command ends; after any other signals wait, until it is saved.
    """
    from ptychograd.fitting.result import NonFiniteError

    planned.memory.check()
    note(planned.memory.summary)
    try:
        with heard(), EpochBar() as bar, job.checkpoints(planned.data) as checkpoints:
            result = planned.perform(job.after_epoch(bar.advance, checkpoints), job.resume, job.epochs)
            ending.hold()
    except NonFiniteError as problem:
        ending.hold()
        where = saved(job, planned.data, problem.result)
        complain(f"{problem} It is in {where}." if where.found else str(problem))
        leave(FAILED)
    return result


def saved(job: "pg.runs.Job", data: "pg.Dataset", result: "pg.Result", path: Path | None = None) -> "Placed":
    """Write the result of a run that has ended: to its place (or `path`), or else where it is not lost."""
    return placed(partial(job.save, data, result), path or job.result_path)


def report(
    where: "Placed", result: "pg.Result", count: int, seconds: float, json: bool, ended: str | None = None
) -> None:
    """Say what came of a run of so many patterns, why it ended, and how to go on."""
    from ptychograd.fitting.reconstruction import INTERRUPTED as STOPPED

    say(*texts.run_lines(where, result, count, seconds, ended))
    if result.stopped == STOPPED:
        note(f"{ending.summary}`ptychograd resume {where}` goes on")
    tell_json(texts.run_figures(result, count, seconds), json)
    if lost := texts.lost_line(where, result):
        complain(lost)
