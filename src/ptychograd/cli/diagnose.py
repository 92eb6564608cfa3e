"""`ptychograd diagnose`: what to mend before anyone waits."""

from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.cli.console import errors, tell_json
from ptychograd.cli.console import output as console
from ptychograd.cli.options import READ, TRIED, Json, Output, TrialOptions, Whole, plan_of, without_effect
from ptychograd.cli.pictures import drawn, require_picture
from ptychograd.cli.placed import leave_unless_there, working_folder
from ptychograd.cli.search_start import show_search
from ptychograd.cli.wording import worded
from ptychograd.core.errors import InputError

if TYPE_CHECKING:
    from ptychograd.automatic.diagnosis import Report
    from ptychograd.data.checks import Evidence
    from ptychograd.data.dataset import Dataset
    from ptychograd.data.files.writing.placing import Placed
    from ptychograd.runs.plan.plan import Plan

STYLES = {"good": "green", "doubtful": "yellow", "bad": "red"}


def diagnose(
    data: Path,
    /,
    *more: Path,
    trial: bool = True,
    trial_epochs: Whole = 10,
    search: bool = False,
    output: Output = None,
    write_mask: Path | None = None,
    options: TrialOptions = TrialOptions(),
    json: Json = False,
) -> None:
    """Check a data set before it is reconstructed, and say in words what to do.

    Scan, beam, counts and mask are looked at; then the middle of the scan is reconstructed shortly in each of the eight
    orientations that positions and patterns may have, judged by patterns held out.

    Args:
        data: CXI, HDF5 or NPZ.
        more: Further files of the same scan.
        trial: Try the eight orientations.
        trial_epochs: Epochs of each of these trials.
        search: Show the trials by which `auto` would find the start, in a table and, in place of the rest, the picture.
        output: A picture of data, findings and trials, as diagnose.png; none by default.
        write_mask: An image (.npy) of the pixels that are good: those of the data's own mask without the dead, hot and
            stuck ones that were found; of the pixels of the file, before `data.prepare` moves them. --mask of
            `reconstruct` takes it.
    """
    from ptychograd.cli.engine import prepare
    from ptychograd.cli.job import read_data
    from ptychograd.output.texts.diagnosis import report_figures
    from ptychograd.runs.plan.images import write_mask as write

    folder = working_folder()
    plan = plan_of(options, [data, *more])
    prepare(plan.machine.precision)
    plan.check()
    if trial_epochs < 1:
        raise InputError(f"--trial-epochs {trial_epochs}: expected 1 or more; --no-trial leaves the trial out.")
    _check_places(data, output, write_mask)
    measured = read_data(plan.with_fields({"data.mask.allow_most": True}))  # the checks say what is valid
    if search:
        show_search(measured, plan.seed, output, folder, json)
        return
    found = _report(measured, plan, trial_epochs if trial else 0)
    if found.trials and (unused := without_effect(options, (*READ, *TRIED))):
        errors.print(f"the trials are made without {', '.join(unused)}", style="dim", soft_wrap=True)
    _print(found, plan.data.orientation)
    if write_mask is not None:
        console.print(write(write_mask, _on_detector(found.evidence, plan)))
    where = [] if output is None else [_drawn(found, output, folder)]
    if json:
        tell_json(report_figures(found))
    leave_unless_there(*where)


def _on_detector(evidence: "Evidence", plan: "Plan") -> "Evidence":
    """What was seen of the pixels of the file, in which a mask is taken; the data are read again if they were moved."""
    from ptychograd.data.checks import Evidence
    from ptychograd.runs.machine import in_file
    from ptychograd.runs.plan.reading import as_in_file, moves_pixels, on_detector

    if not moves_pixels(evidence.data, plan.data):
        return evidence
    console.print("The mask is of the file's own pixels, before `data.prepare` moves them.")
    return Evidence.of(on_detector(as_in_file(plan, in_file(plan.machine)), plan.data))


def _check_places(data: Path, picture: Path | None, mask: Path | None) -> None:
    """Refuse before the computing what can't be written after it."""
    from ptychograd.runs.plan.images import require_mask

    if picture is not None:
        require_picture(picture, data)
    if mask is not None:
        require_mask(mask)


def _report(data: "Dataset", plan: "Plan", epochs: int) -> "Report":
    """All checks, then the trial if it is wanted (by some epochs) and can be made."""
    from ptychograd.automatic.diagnosis import report, with_trials
    from ptychograd.cli.progress import ShareBar

    found = report(data, plan, epochs > 0)
    if not epochs or found.untried:
        return found
    with ShareBar("orientations") as bar:
        return with_trials(found, data, plan, epochs, bar.trial)


def _print(report: "Report", orientation: int) -> None:
    """The table of findings, the table of trials, and what to do about the orientation."""
    from rich.table import Table

    from ptychograd.output.texts.diagnosis import trial_lines

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for finding in report.findings:
        text = finding.found + (f"\n-> {finding.advice}." if finding.advice else "")
        table.add_row(finding.verdict, finding.name, worded(text), style=STYLES[finding.verdict])
    console.print(table)
    if report.untried:
        errors.print(f"No orientation was tried: {report.untried}", style="yellow", soft_wrap=True)
    for text in trial_lines(report, orientation):
        console.print(text, soft_wrap=True)


def _drawn(report: "Report", output: Path, folder: Path) -> "Placed":
    from ptychograd.output.plot import diagnosis

    found, trials = report.preference, [trial[:3] for trial in report.trials]
    best, text = (found.codes, found.summary) if found else ((), "")
    return drawn(diagnosis(report.evidence, report.findings, trials, best, text), output, folder)
