"""A data set on one page before it is reconstructed: patterns, scan, probe, what was found, eight orientations."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from ptychograd.automatic.diagnosis import Report
from ptychograd.data.checks import BAD, DOUBTFUL, GOOD, Evidence, Finding
from ptychograd.data.orientation import TEXTS
from ptychograd.fitting.result import Result
from ptychograd.output.plot.overview import bright_phase, complex_colour, scanned_area, without_ramp

COLOURS = {GOOD: "#2a7f3e", DOUBTFUL: "#b06a00", BAD: "#b3202a"}
MARKS = {GOOD: "✓", DOUBTFUL: "?", BAD: "✗"}
WIDTH = 92  # characters of a line of text


def report_page(report: Report) -> Figure:
    """`diagnosis` of all that was found.

    Args:
        report: by the checks, and by the trials if there are any.
    """
    found, trials = report.preference, [trial[:3] for trial in report.trials]
    best, text = (found.codes, found.summary) if found else ((), "")
    return diagnosis(report.evidence, report.findings, trials, best, text)


def diagnosis(
    evidence: Evidence,
    findings: Sequence[Finding],
    trials: Sequence[tuple[int, float, Result]] = (),
    best: Sequence[int] = (),
    text: str = "",
) -> Figure:
    """Draw a data set on one page before it is reconstructed: patterns, scan, start probe, and what was found.

    `ptychograd diagnose DATA -o diagnose.png` makes it, with all eight orientations.

    Args:
        evidence: the data as the checks look at them, of `ptychograd.models.diagnosis.observed(data)`.
        findings: what the checks found, of `pg.diagnose(data)`.
        trials: code, held-out R and result of each orientation that was tried, if any.
        best: codes of the trials that stand out.
        text: what the trials say, in a sentence, shown above them.

    Returns:
        a figure of matplotlib, for `save`.

    Example:
        >>> from ptychograd.models.diagnosis import observed
        >>> figure = pg.plot.diagnosis(observed(data), pg.diagnose(data))
        >>> figure.axes[0].get_title()
        'mean pattern (photons)'
    """
    height = 9.2 if trials else 6.2
    figure = Figure(figsize=(14, height), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(evidence.data.source, fontsize=11)
    parts = np.ravel(np.asarray(figure.subfigures(2 if trials else 1, 1, height_ratios=(2.1, 1) if trials else None)))
    left, right = np.asarray(parts[0].subfigures(1, 2, width_ratios=(1.15, 1)))
    ((first, second), (third, fourth)) = left.subplots(2, 2)
    _draw_mean(left, first, evidence)
    _draw_scan(second, evidence, findings)
    _draw_probe(third, evidence)
    _draw_photons(fourth, evidence)
    _write(right, findings)
    if trials:
        _draw_trials(parts[1], trials, best, text)
    return figure


def _draw_mean(figure, axis, evidence: Evidence) -> None:
    total, valid = evidence.data.sums
    mean = np.ma.masked_array(evidence.mean, valid == 0)
    top = float(mean.max()) if mean.count() and mean.max() > 0 else 1.0
    shown = axis.imshow(mean.clip(top * 1e-5), cmap="magma", norm=LogNorm(top * 1e-5, top), interpolation="nearest")
    axis.set(title="mean pattern (photons)", facecolor="#4fa3d1")
    if not evidence.is_near and not evidence.is_crystal:
        rows, columns = total.shape
        axis.plot(columns // 2, rows // 2, "+", color="white", markersize=12)
    axis.tick_params(labelsize=8)
    figure.colorbar(shown, ax=axis, shrink=0.85)


def _draw_scan(axis, evidence: Evidence, findings: Sequence[Finding]) -> None:
    if not len(evidence.positions):
        axis.set_axis_off()
        axis.set_title("no positions", fontsize=10)
        return
    y, x = evidence.positions.T
    photons = evidence.data.photons.reshape(len(y), -1).sum(axis=1)
    axis.plot(x, y, "-", color="0.85", linewidth=0.6, zorder=0)
    axis.scatter(x, y, c=photons, s=np.clip(3000 / len(x), 2, 30), cmap="viridis")
    axis.plot(x[0], y[0], "o", color="C3", markersize=5, label="first")
    bad = next((finding.figures["outliers"] for finding in findings if finding.name == "outliers"), [])
    if bad:
        axis.plot(x[bad], y[bad], "x", color="C3", markersize=9, label="outliers")
    if evidence.diameter > 0 and not evidence.is_crystal:
        middle = np.median(evidence.positions, axis=0)
        axis.add_patch(
            Circle(
                (float(middle[1]), float(middle[0])), evidence.diameter / 2, fill=False, color="C1", label="start probe"
            )
        )
    axis.set(title="positions (object pixels), colour: photons", aspect="equal")
    axis.invert_yaxis()
    axis.tick_params(labelsize=8)
    axis.legend(fontsize=7, loc="upper right", framealpha=0.7)


def _draw_probe(axis, evidence: Evidence) -> None:
    axis.set_axis_off()
    if evidence.probe is None:
        axis.set_title("no start probe", fontsize=10)
        return
    power = np.sum(np.abs(evidence.probe.astype(np.complex128)) ** 2, axis=(1, 2))
    axis.imshow(complex_colour(evidence.probe[int(np.argmax(power))]))
    source = "estimated from the mean pattern" if evidence.is_estimated else "as given"
    axis.set_title(f"start probe, {source}", fontsize=10)


def _draw_photons(axis, evidence: Evidence) -> None:
    axis.plot(evidence.data.photons, ".", color="0.3", markersize=3)
    axis.axhline(float(np.median(evidence.data.photons)), color="C3", linewidth=1)
    axis.set_title("photons of each pattern", fontsize=10)
    axis.set_ylim(0, 1.15 * max(float(evidence.data.photons.max()), 1e-9))
    axis.set_xlabel("number of the pattern", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.grid(visible=True, alpha=0.25)


def _write(figure, findings: Sequence[Finding]) -> None:
    """What was found, and what to do about it, from top to bottom."""
    lines: list[tuple[str, str, str]] = []
    for finding in findings:
        colour = COLOURS[finding.verdict]
        text = textwrap.wrap(f"{finding.name}: {finding.found}", WIDTH)
        lines += [(MARKS[finding.verdict] if row == 0 else "", line, colour) for row, line in enumerate(text)]
        lines += [("", line, "0.25") for line in textwrap.wrap(finding.advice.replace("`", ""), WIDTH)]
    axis = figure.subplots()
    axis.set_axis_off()
    axis.set(xlim=(0, 1), ylim=(0, 1))
    step = 1 / max(len(lines) + 1, 26)
    for row, (mark, line, colour) in enumerate(lines):
        axis.text(0.0, 1 - (row + 1) * step, mark, color=colour, fontsize=8, fontweight="bold")
        axis.text(0.025, 1 - (row + 1) * step, line, color=colour, fontsize=7.5)


def _draw_trials(figure, trials: Sequence[tuple[int, float, Result]], best: Sequence[int], text: str) -> None:
    figure.suptitle("\n".join(textwrap.wrap(f"Orientations: {text}", 170)), fontsize=9)
    for axis, (code, r_factor, result) in zip(figure.subplots(1, len(trials)), trials, strict=True):
        box, illuminated = scanned_area(result)
        phase = bright_phase(without_ramp(result.object[box], illuminated), illuminated)
        low, high = np.quantile(np.ma.compressed(phase), (0.01, 0.99))
        axis.imshow(phase, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        colour = COLOURS[GOOD] if code in best else "0.2"
        name = "\n".join(textwrap.wrap(TEXTS[code], 19))
        axis.set_title(f"{code}: R = {r_factor:.4f}\n{name}", fontsize=8, color=colour)
        axis.set(xticks=[], yticks=[])
        for side in axis.spines.values():
            side.set(color=colour, linewidth=3 if code in best else 0.5)
