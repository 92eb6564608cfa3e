"""`ptychograd auto`: from data files to a result of which is said how far it is to be trusted, with nothing said."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import ptychograd as pg
from ptychograd.cli.console import INTERRUPTED, heard, leave, note
from ptychograd.cli.job import begun, performed, report, saved
from ptychograd.cli.options import Json, Options, plan_of
from ptychograd.cli.progress import ShareBar
from ptychograd.runs.signals import ending

if TYPE_CHECKING:
    from ptychograd.data.files.writing.placing import Placed


def auto(*data: Path, time: str = "10min", options: Options = Options(), json: Json = False) -> None:
    """Prepare data, find the start, reconstruct, look for what is missing, and say how sure the image is.

    What you say, by options or --set, is not searched. Each decision is told; notes and trials stand in the result, and
    the plan that makes it again beside it. `ptychograd resume` goes on with a run that was interrupted.

    Args:
        data: CXI, HDF5 or NPZ; several files are one scan. By default those of the plan.
        time: How long it may take, as 30s, 10min or 2h; what can be left out then is.
    """
    run(plan_of(options, data), time, json)


def run(
    plan: pg.Plan,
    time: str = "10min",
    json: bool = False,
    resume: "pg.Result | None" = None,
    epochs: int | None = None,
) -> "pg.Result":
    """The result of an automatic run, which is shown, saved and told; of one that was interrupted, if it is given."""
    from ptychograd.runs.job import require_whole_scan
    from ptychograd.runs.machine import in_file

    require_whole_scan(plan)
    begin, job = monotonic(), begun(plan, resume, epochs)
    keep, so_far = in_file(job.machine), []
    with heard():
        with ExitStack() as shown, _what_there_is(so_far):
            bar = shown.enter_context(ShareBar("starts"))
            perform = partial(_perform, job, shown, so_far)
            ways = {"time": time, "perform": perform, "on_trial": bar.start_trial, "keep": keep, "resume": resume}
            result = pg.auto((), job.plan, **ways)
        job = job.of_result(result)
        read = job.plan.read(keep)
    where = saved(job, read, result)
    note(job.save_plan(where))
    report(where, result, read.count, monotonic() - begin, json)
    return result


@contextmanager
def _what_there_is(so_far: list["Placed"]) -> Iterator[None]:
    """Say which run stays where what comes after it is interrupted, and end."""
    try:
        yield
    except KeyboardInterrupt:
        if not so_far:
            raise
        note(f"{ending.why}{so_far[-1]} is the run so far; `ptychograd resume {so_far[-1]}` looks for what is missing")
        leave(INTERRUPTED)


def _perform(
    job: "pg.runs.Job",
    shown: ExitStack,
    so_far: list["Placed"],
    plan: "pg.Plan",
    data: "pg.Dataset",
    settings: Mapping[str, object],
) -> "pg.Result":
    """A run that is shown, and saved now and then and at its end; after one that is interrupted the command ends."""
    from ptychograd.fitting.reconstruction import CUT_SHORT

    shown.close()  # the bar of trials
    begun = {} if not so_far else {"resume": None, "epochs": None}
    here = job._replace(plan=plan, settings=settings, **begun)
    planned = here.planned(data)
    result = performed(here, planned)
    here.require_news(result)
    where = saved(here, data, result)
    ending.release()
    if result.stopped not in CUT_SHORT:
        so_far.append(where)
        result = planned.validated(result)
        with ending.waiting():
            saved(here, data, result, where.elsewhere)
        return result
    note(f"{ending.summary}`ptychograd resume {where}` goes on with the run")
    leave(INTERRUPTED)
