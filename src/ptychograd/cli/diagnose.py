"""`ptychograd diagnose`: what to mend before anyone waits."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from cyclopts import Parameter

from ptychograd.cli.console import errors, tell_json
from ptychograd.cli.console import output as console
from ptychograd.cli.headings import READ, TRIED
from ptychograd.cli.options import Json, PlanOptions, Whole, plan_of, without_effect
from ptychograd.cli.placed import Placed, leave_unless_there, working_folder
from ptychograd.cli.search_start import show_search
from ptychograd.cli.wording import worded
from ptychograd.core.errors import InputError
from ptychograd.runs.plan.plan import Plan

if TYPE_CHECKING:
    from ptychograd.automatic.orientation import OrientationTrial, Preference
    from ptychograd.data.checks import Evidence, Finding
    from ptychograd.data.dataset import Dataset

HOLD = 20  # epochs in which a beam of whose phase nothing is known stays as it is
PROBE = "--key probe=PATH, or an opening with --defocus METRES"
STYLES = {"good": "green", "doubtful": "yellow", "bad": "red"}


def diagnose(
    data: Path,
    /,
    *more: Path,
    trial: bool = True,
    trial_epochs: Whole = 10,
    search: bool = False,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    write_mask: Path | None = None,
    options: PlanOptions = PlanOptions(),
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
            stuck ones that were found. --mask of `reconstruct` takes it.
    """
    from ptychograd.cli.engine import prepare
    from ptychograd.cli.job import read_data

    folder = working_folder()
    plan = plan_of(options, [data, *more])
    prepare(plan.machine.precision)
    plan.check()
    if trial_epochs < 1:
        raise InputError(f"--trial-epochs {trial_epochs}: expected 1 or more; --no-trial leaves the trial out.")
    if output is not None:
        _check_picture(output, data)
    if write_mask is not None:
        _check_mask(write_mask)
    measured = read_data(plan.with_fields({"data.mask.allow_most": True}))  # the checks say what is valid
    if search:
        show_search(measured, plan.seed, output, folder, json)
        return
    report = _report(measured, plan, trial_epochs if trial else 0)
    if report.trials and (unused := without_effect(options, (*READ, *TRIED))):
        errors.print(f"the trials are made without {', '.join(unused)}", style="dim", soft_wrap=True)
    _print(report, plan)
    if write_mask is not None:
        _write_mask(write_mask, report.evidence)
    where = [] if output is None else [_drawn(report, output, folder)]
    if json:
        tell_json(_figures(report))
    leave_unless_there(*where)


def _drawn(report: "Report", output: Path, folder: Path) -> Placed:
    from ptychograd.cli.pictures import drawn
    from ptychograd.output.plot import diagnosis

    found, trials = report.preference, [trial[:3] for trial in report.trials]
    best, text = (found.codes, found.summary) if found else ((), "")
    return drawn(diagnosis(report.evidence, report.findings, trials, best, text), output, folder)


class Report(NamedTuple):
    """What the checks found, and the trials; `untried` says why there are none."""

    evidence: "Evidence"
    findings: "list[Finding]"
    trials: "list[OrientationTrial]"
    preference: "Preference | None"
    untried: str


def _report(data: "Dataset", plan: Plan, epochs: int) -> Report:
    """All checks, then the trial if it is wanted (by some epochs) and can be made."""
    from ptychograd.data.checks import findings, first_to_mend
    from ptychograd.data.dataset import BraggGeometry
    from ptychograd.models.diagnosis import observed

    problem, probe = "", None
    try:
        probe = _start_probe(plan.make_plain_model(data))
    except InputError as refused:
        problem = str(refused)
    evidence = observed(data, probe if _is_given(plan) else None)
    found = findings(evidence)
    if isinstance(data.geometry, BraggGeometry):
        why = "rocking curves have one orientation, which the diffraction fixes; none is tried"
        return Report(evidence, found, [], None, problem or why)
    first = first_to_mend(found)
    if epochs and first and not problem:
        problem = f"mend what is said to be bad about {' and '.join(first)} before."
    if not epochs or problem:
        return Report(evidence, found, [], None, problem)
    try:
        trials = _tried(data, plan, epochs)
    except InputError as refused:
        return Report(evidence, found, [], None, str(refused))
    from ptychograd.automatic.orientation import preference

    return Report(evidence, found, trials, preference(trials, data), "")


def _is_given(plan: Plan) -> bool:
    start = plan.model.start
    return start.probe is not None or any((start.aperture, start.pinhole, start.focal_spot, start.defocus))


def _start_probe(model):
    import numpy as np

    return np.asarray(model.probe.modes)


def _tried(data: "Dataset", plan: Plan, epochs: int) -> "list[OrientationTrial]":
    """The trials, with progress; their codes are those of the positions in the file, whatever was asked for."""
    from ptychograd.automatic.orientation import WIDTHS, try_orientations
    from ptychograd.cli.progress import ShareBar
    from ptychograd.data.orientation import apply_orientation, inverse

    flat = plan if plan.model.start.object else plan.with_fields({"model.start.object": "flat"})
    with ShareBar("orientations") as bar:
        return try_orientations(
            apply_orientation(replace(data, support=None), inverse(plan.data.orientation)),
            flat.make_plain_model,
            epochs=epochs,
            seed=plan.seed,
            widths=() if _is_given(plan) else WIDTHS,
            on_trial=lambda code, r_factor: bar.advance(1 / 8, f"{code}: R {r_factor:.4f}"),
        )


def _print(report: Report, plan: Plan) -> None:
    """The table of findings, the table of trials, and what to do about the orientation."""
    from rich.table import Table

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
    if report.preference is None:
        return
    from ptychograd.core.table import text_table
    from ptychograd.data.orientation import TEXTS

    rows = [(str(trial.code), f"{trial.r_factor:.4f}", TEXTS[trial.code]) for trial in report.trials]
    console.print("\n" + "\n".join(text_table(("orientation", "held-out R", "positions"), rows)), soft_wrap=True)
    console.print(f"{report.preference.summary}.", soft_wrap=True)
    console.print(_what_to_do(report, plan.data.orientation), soft_wrap=True)


def _what_to_do(report: Report, now: int) -> str:
    """How the orientation that was found is applied, beside the one that was asked for, and the start that fits it."""
    found = report.preference
    if found is not None and found.is_poor:
        return (
            "-> That is little better than the mean pattern does: no orientation alone mends it. Check the scale and "
            f"the order of the positions, the pixel size and the distance, and the start probe ({PROBE})."
        )
    if found is None or not found.is_certain:
        return (
            "-> Too much else is wrong for an orientation to stand out: mend what is said above first; a start probe "
            f"that is near the true one helps most ({PROBE})."
        )
    chosen = sorted((trial for trial in report.trials if trial.code in found.codes), key=lambda trial: trial.code)
    if any(trial.fwhm for trial in chosen):
        return _speckled(chosen)
    if any(trial.defocus for trial in chosen):
        return _out_of_focus({trial.code: trial.defocus for trial in chosen})
    keep = "leave the orientation as it is" if now == 0 else f"keep --orientation {now}"
    if found.codes == (now,):
        return f"-> {keep.capitalize()}."
    if now in found.codes:
        return f"-> {keep.capitalize()}, or find out with a start probe ({PROBE})."
    return "-> " + " or ".join(f"ptychograd reconstruct ... --orientation {code}" for code in found.codes)


def _out_of_focus(defocus: "Mapping[int, float]") -> str:
    """How to begin where the beam turned out not to be in focus; NaN where lengths are not known."""
    if any(metres != metres for metres in defocus.values()):
        codes = " or ".join(f"--orientation {code}" for code in defocus)
        text = "give wavelength, distance and pixel size, and how far the sample was from the focus (--defocus METRES)"
        return f"-> {codes}; the beam is out of focus: {text}."
    ways = (f"--orientation {code} --defocus {metres:.2g}" for code, metres in defocus.items())
    return f"-> The beam is out of focus: ptychograd reconstruct ... {' or '.join(ways)}."


def _speckled(chosen: "Sequence[OrientationTrial]") -> str:
    """How to begin where the speckles told how wide the beam is; NaN where lengths are not known."""
    fwhm, codes = chosen[0].fwhm, " or ".join(f"--orientation {trial.code}" for trial in chosen)
    if fwhm != fwhm:
        way = "name wavelength, distance and pixel size, and give the width of the beam (--focal-spot METRES)"
        held = f"held at first (--set fit.hold_probe={HOLD})"
        return f"-> {codes}; the sample scatters over the whole detector: {way}, {held}."
    return (
        "-> The sample scatters over the whole detector. Begin with a beam as wide as its speckles tell, held in the "
        f"first epochs: ptychograd reconstruct ... {codes} --focal-spot {fwhm:.2g} --set fit.hold_probe={HOLD}"
    )


def _check_mask(path: Path) -> None:
    """Refuse before the computing a name at which no mask can be written, or at which something else is."""
    from ptychograd.data.files import require_writable
    from ptychograd.runs.plan.images import image

    if path.suffix != ".npy":
        raise InputError(f"{path} is to be a NumPy file; expected a name that ends in .npy.")
    require_writable(path)
    if path.exists() and (image(str(path), "mask that is there").dtype != bool):
        raise InputError(f"{path} is there and is no mask: it would be lost. Give another name, or remove it first.")


def _write_mask(path: Path, evidence: "Evidence") -> None:
    """Write which pixels are good, and say how many were left out."""
    import numpy as np

    from ptychograd.data.checks import sound_pixels
    from ptychograd.data.files import replacing

    good = sound_pixels(evidence)
    with replacing(path) as temporary:
        np.save(temporary, good)
    added = np.count_nonzero((evidence.data.sums[1] > 0) & ~good)
    console.print(
        f"{path}: of {good.size:,} pixels {np.count_nonzero(~good):,} are masked, {added:,} more than before."
    )


def _check_picture(output: Path, data: Path) -> None:
    """Refuse before the computing what can't be written after it."""
    from ptychograd.cli.pictures import require_picture

    if output.exists() and data.exists() and output.samefile(data):
        raise InputError(f"{data} would be replaced by a picture; give another name with --output.")
    require_picture(output)


def _figures(report: Report) -> dict:
    """What `--json` tells."""
    checks: Sequence = report.findings
    return {
        "findings": [finding._asdict() for finding in checks],
        "orientations": [{"code": trial.code, "held_out_r_factor": trial.r_factor} for trial in report.trials],
        "best_orientations": None if report.preference is None else list(report.preference.codes),
        "standard_errors_to_next": None if report.preference is None else report.preference.errors,
        "left_of_held_out": None if report.preference is None else report.preference.left,
        "not_tried": report.untried or None,
    }
