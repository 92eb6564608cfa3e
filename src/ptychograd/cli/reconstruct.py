"""`ptychograd reconstruct` and `ptychograd run`: from data files, or from a plan in a file, to a result file each."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import ptychograd as pg
from ptychograd.cli import engine
from ptychograd.cli.console import FAILED, complain, heard, leave, note, output, say, say_table, sentence_of, tell_json
from ptychograd.cli.files import drawn, leave_unless_there
from ptychograd.cli.job import run as run_job
from ptychograd.cli.option_table import NAMES
from ptychograd.cli.options import HelpAll, Json, Options, Preview, RunOptions, plan_of
from ptychograd.cli.progress import EpochBar
from ptychograd.output import texts


def reconstruct(
    *data: Path,
    options: Options = Options(),
    preview: Preview = False,
    json: Json = False,
    help_all: HelpAll = False,
) -> None:
    """Reconstruct object and probe of a scan.

    Args:
        data: CXI, HDF5 or NPZ; several files are one scan. By default those of the plan.
    """
    if help_all:
        show_fields()
        return
    perform(plan_of(options, data), preview, json)


def run(plan: Path, /, *, options: RunOptions = RunOptions(), preview: Preview = False, json: Json = False) -> None:
    """Reconstruct as a plan in a file asks for; all options of `reconstruct` will do beside it.

    Args:
        plan: A plan (.toml), as `ptychograd init` writes one.
    """
    perform(plan_of(options, file=plan), preview, json)


def perform(plan: pg.Plan, is_preview: bool = False, json: bool = False) -> None:
    """The run of a plan, or its preview; of every file one with `data.each`, with a table at the end."""
    from ptychograd.runs.each import scans_of

    one = partial(_preview if is_preview else run_job, json=json)
    with heard():
        scans = scans_of(plan)
    if scans is None:
        one(plan)
    else:
        perform_each(scans, one)


def _preview(plan: pg.Plan, json: bool = False) -> "pg.Result":
    """Reconstruct coarsely, with object and probe alone, and draw what came of it; nothing else is kept."""
    from ptychograd.runs.machine import devices, in_file
    from ptychograd.runs.preview import picture_of, preview_plan

    short, picture = preview_plan(plan), picture_of(plan)
    engine.start(plan.machine)
    plan.check()
    pg.plot.require_place(picture)
    with heard():
        data = plan.read(in_file(plan.machine))
    part, about = pg.data.preview_of(data)
    note(about)
    with EpochBar() as bar:
        result = pg.runs.PlannedRun.of(short, part, devices(plan.machine)).perform(bar.advance)
    where = drawn(pg.plot.summary(result), picture)
    say(*texts.preview_lines(result))
    tell_json(texts.run_figures(result), json)
    leave_unless_there(where)
    return result


def perform_each(plan: pg.Plan, run: "Callable[[pg.Plan], pg.Result]") -> None:
    """A run for every file, one after another; the status is that of a failure if one failed.

    Args:
        plan: its files are one scan each; the result that it names is a folder for theirs.
        run: performs the plan of one.
    """
    from ptychograd.runs.each import plans_of_files

    plans = plans_of_files(plan)
    outcomes: list[pg.runs.Outcome] = []
    try:
        for number, (path, one) in enumerate(plans, start=1):
            note(f"{path}, {number} of {len(plan.data.paths)}", style="bold")
            outcomes.append(_performed(path, one, run))
    finally:
        say("\n" + texts.outcome_table(outcomes) if outcomes else "")
    if any(outcome.result is None for outcome in outcomes):
        leave(FAILED)


def _performed(path: str, plan: pg.Plan, run: "Callable[[pg.Plan], pg.Result]") -> "pg.runs.Outcome":
    """The run of one file; what fails is said, and leaves the others alone."""
    try:
        return pg.runs.Outcome(path, run(plan))
    except (pg.InputError, MemoryError, RuntimeError) as problem:
        reason = sentence_of(problem)
        complain(reason)
    except SystemExit as left:  # which has said why
        if left.code != FAILED:
            raise
        reason = "failed"
    return pg.runs.Outcome(path, None, reason)


def show_fields() -> None:
    """Print every field of a plan: by section, with unit, default and option."""
    output.print(texts.HOW)
    for heading, rows in texts.fields_by_section(NAMES):
        output.print(f"\n{heading}", style="bold")
        say_table([(f"  {name}", text) for name, text in rows], styles=("", ""))
