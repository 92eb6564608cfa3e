"""Fourier ring correlation as a curve, with the two reconstructions that were correlated."""

import numpy as np
from jaxtyping import Bool
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ptychograd.data.geometry import UNITS, format_length, length_unit
from ptychograd.fitting.result import Result
from ptychograd.output.plot.overview import bright_phase, without_ramp
from ptychograd.quality.rings import HALF_BIT, ONE_BIT, RingCorrelation

STYLES = {HALF_BIT: ("half bit", "C3", "--"), ONE_BIT: ("one bit", "C0", ":")}


def ring_figure(found: RingCorrelation, one: Result, other: Result, area: Bool[np.ndarray, "..."]) -> Figure:
    """Draw a Fourier ring correlation over spatial frequency, with its thresholds, and the phase of both results.

    Args:
        found: the correlation, of `pg.fourier_ring_correlation` or `pg.quality.ring_correlation`.
        one: the first of the results that were correlated.
        other: the second.
        area: True (y, x), or (x, y, z) of a crystal, for the pixels of the object that were compared.

    Returns:
        a figure of matplotlib, for `save`; of crystals the curve alone.

    Example:
        >>> found = pg.quality.ring_correlation(result.object, result.object)
        >>> area = np.ones(result.object.shape, bool)
        >>> pg.plot.ring_figure(found, result, result, area).axes[0].get_ylabel()
        'Fourier ring correlation'
    """
    is_flat = area.ndim == 2
    figure = Figure(figsize=(13, 5.6) if is_flat else (8, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    if not is_flat:
        _draw_curve(figure.subplots(), found, one.sampling is not None)
        return figure
    left, right = np.asarray(figure.subfigures(1, 2, width_ratios=(1.9, 1)))
    _draw_curve(left.subplots(), found, one.sampling is not None)
    rows, columns = (np.flatnonzero(area.any(axis=axis)) for axis in (1, 0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    for axis, result, text_part in zip(right.subplots(2, 1), (one, other), ("first", "second"), strict=True):
        phase = bright_phase(without_ramp(result.object[box], area[box]), area[box])
        low, high = np.quantile(np.ma.compressed(phase), (0.02, 0.98))
        axis.imshow(phase, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        axis.set_title(f"{text_part} half, phase", fontsize=9)
        axis.set_axis_off()
    return figure


def _draw_curve(axis, found: RingCorrelation, in_metres: bool) -> None:
    length = length_unit(10 / found.limit) if in_metres else "pixel"  # so that the axis ends somewhere near 10
    scale, unit = UNITS.get(length, 1.0), f"1/{length}"
    frequency = found.frequency * scale
    axis.plot(frequency, found.correlation, color="0.15", linewidth=1.8, label="two halves")
    for bits, (name, colour, style) in STYLES.items():
        crossing, width = found.crossing(bits), found.resolution(bits)
        label = f"{name}: no crossing"
        if crossing is not None and width is not None:
            reach = " or better" if found.reaches_limit(bits) else ""
            label = f"{name}: {format_length(width) if in_metres else f'{width:.3g} pixels'}{reach}"
            axis.axvline(crossing * scale, color=colour, linestyle=style, linewidth=1)
        axis.plot(frequency, found.threshold(bits), color=colour, linestyle=style, label=label)
    axis.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axis.set(
        xlim=(0, found.limit * scale),
        ylim=(min(-0.1, float(found.correlation.min())), 1.05),
        xlabel=f"spatial frequency ({unit})",
        ylabel="Fourier ring correlation",
    )
    axis.legend(loc="upper right", title="half period at the threshold", fontsize=9, title_fontsize=9)
    above = axis.secondary_xaxis("top")
    ticks = np.linspace(0, found.limit * scale, 6)[1:]
    above.set_xticks(ticks, [_half_period(tick / scale, in_metres) for tick in ticks])
    above.set_xlabel("half period" if in_metres else "half period (pixels)")
    axis.grid(visible=True, alpha=0.25)


def _half_period(frequency: float, in_metres: bool) -> str:
    width = 1 / (2 * frequency)
    return format_length(float(f"{width:.3g}")) if in_metres else f"{width:.3g}"
