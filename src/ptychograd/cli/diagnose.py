"""`ptychograd diagnose`: what to mend before anyone waits."""

from pathlib import Path

import ptychograd as pg
from ptychograd.cli import engine
from ptychograd.cli.console import heard, note, say, say_table, tell_json, warn
from ptychograd.cli.files import drawn
from ptychograd.cli.options import READ, TRIED, Data, Json, More, Output, TrialOptions, Whole, plan_of, without_effect
from ptychograd.cli.progress import ShareBar
from ptychograd.output import texts

STYLES = {"good": "green", "doubtful": "yellow", "bad": "red"}


def diagnose(
    data: Data,
    /,
    *more: More,
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
        trial: Try the eight orientations.
        trial_epochs: Epochs of each of these trials.
        search: Show the trials by which `auto` would find the start, in a table and, in place of the rest, the picture.
        output: A picture of data, findings and trials, as diagnose.png; none by default.
        write_mask: An image (.npy) of the pixels that are good: those of the data's own mask without the dead, hot and
            stuck ones that were found; of the pixels of the file, before `data.prepare` moves them. --mask of
            `reconstruct` takes it.
    """
    from ptychograd.automatic.diagnosis import of_file_pixels
    from ptychograd.runs.plan import images

    plan = plan_of(options, [data, *more])
    engine.prepare(plan.machine.precision)
    plan.check()
    if trial_epochs < 1:
        raise pg.InputError(f"--trial-epochs {trial_epochs}: expected 1 or more; --no-trial leaves the trial out.")
    if output is not None:
        pg.plot.require_place(output, data)
    if write_mask is not None:
        images.require_mask(write_mask)
    with heard():
        measured = plan.with_fields({"data.mask.allow_most": True}).read()  # the checks say what is valid
    if search:
        _search(measured, plan.seed, output, json)
        return
    found = _report(measured, plan, trial_epochs if trial else 0, without_effect(options, (*READ, *TRIED)))
    if write_mask is not None:
        with heard():
            say(images.write_mask(write_mask, of_file_pixels(found.evidence, plan)))
    if output is not None:
        drawn(pg.plot.report_page(found), output)
    tell_json(texts.report_figures(found), json)


def _report(data: "pg.Dataset", plan: pg.Plan, epochs: int, unused: list[str]) -> "pg.automatic.Report":
    """What was found, and printed: all checks, then the trials, if they are wanted (by some epochs) and can be made."""
    from ptychograd.automatic.diagnosis import report, with_trials

    found = report(data, plan, epochs > 0)
    if epochs and not found.untried:
        with ShareBar("orientations") as bar:
            found = with_trials(found, data, plan, epochs, bar.trial)
    note(f"the trials are made without {', '.join(unused)}" if found.trials and unused else "")
    say_table(texts.finding_rows(found), ("", "bold", ""), [STYLES[finding.verdict] for finding in found.findings])
    warn(f"No orientation was tried: {found.untried}" if found.untried else "")
    say(*texts.trial_lines(found, plan.data.orientation))
    return found


def _search(data: "pg.Dataset", seed: int, picture: Path | None, json: bool) -> None:
    """Search the start of data, print the best trials, and draw all of them if a picture is wanted."""
    with heard(), ShareBar("starts") as bar:
        found = pg.automatic.find_start(data, seed=seed, on_trial=bar.start_trial)
    say(*texts.search_lines(found))
    if picture is not None:
        drawn(pg.plot.search_page(found), picture)
    tell_json(texts.search_figures(found), json)
