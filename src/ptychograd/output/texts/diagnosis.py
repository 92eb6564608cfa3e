"""What a person, or a program, is told of a scan that was diagnosed, and what to do about its orientation."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ptychograd.core.table import text_table
from ptychograd.data.orientation import TEXTS

if TYPE_CHECKING:
    from ptychograd.automatic import OrientationTrial
    from ptychograd.automatic.diagnosis import Report

HOLD = 20  # epochs in which a beam of whose phase nothing is known stays as it is
PROBE = "--key probe=PATH, or an opening or a zone plate with --defocus METRES"


def finding_rows(report: "Report") -> list[tuple[str, str, str]]:
    """Verdict, name, and what was found with what to do about it, of each check."""
    return [
        (one.verdict, one.name, one.found + (f"\n-> {one.advice}." if one.advice else "")) for one in report.findings
    ]


def trial_lines(report: "Report", now: int) -> Iterator[str]:
    """The table of the trials, which orientation they tell to be right, and what to do about it; nothing without any.

    Args:
        report: what was found.
        now: the orientation that was asked for.
    """
    if report.preference is None:
        return
    rows = [(str(trial.code), f"{trial.r_factor:.4f}", TEXTS[trial.code]) for trial in report.trials]
    yield "\n" + "\n".join(text_table(("orientation", "held-out R", "positions"), rows))
    yield f"{report.preference.summary}."
    yield what_to_do(report, now)


def what_to_do(report: "Report", now: int) -> str:
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


def report_figures(report: "Report") -> dict:
    """The same as numbers."""
    found = report.preference
    return {
        "findings": [finding._asdict() for finding in report.findings],
        "orientations": [{"code": trial.code, "held_out_r_factor": trial.r_factor} for trial in report.trials],
        "best_orientations": None if found is None else list(found.codes),
        "standard_errors_to_next": None if found is None else found.errors,
        "left_of_held_out": None if found is None else found.left,
        "not_tried": report.untried or None,
    }
