"""Where a result does not explain the patterns: on the detector, and along the scan."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure, FigureBase

from ptychograd.data.dataset import Dataset
from ptychograd.data.geometry import UNITS, length_unit
from ptychograd.quality.residual_maps import Residuals

BEST_CHI, WORST_CHI = 0.3, 100.0  # of the colours, at the most


def residual_figure(
    of_pixel: Float[np.ndarray, "y x"],
    chi_squared: Float[np.ndarray, "y x"],
    of_pattern: Float[np.ndarray, " index"],
    positions: Float[np.ndarray, "index 2"] | None,
    group: int = 1,
    unit: str = "pixels",
) -> Figure:
    """Draw where a result does not explain the patterns: R and χ² of each detector pixel, R of each pattern.

    The numbers are those of `pg.quality.residuals(result.model, data)`.

    Args:
        of_pixel: R of each detector pixel (y, x), `r_of_pixel`; grey where it is NaN.
        chi_squared: χ² of each detector pixel (y, x), `chi_squared_of_pixel`.
        of_pattern: R of each pattern (index), `r_of_pattern`.
        positions: of the patterns (index, (y, x)), in `unit`; None without them, for R by number alone.
        group: how many patterns were taken at each position; their mean is shown there. More than 1 for crystals.
        unit: of the positions, as it is written at the axes.

    Returns:
        a figure of matplotlib, for `save`.

    Example:
        >>> found = pg.quality.residuals(result.model, data)
        >>> parts = found.r_of_pixel, found.chi_squared_of_pixel, found.r_of_pattern
        >>> pg.plot.residual_figure(*parts, data.positions).axes[0].get_title()
        'R of each detector pixel'
    """
    figure = Figure(figsize=(13, 7.6), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=(1.7, 1)))
    left, middle, *right = upper.subplots(1, 2 if positions is None else 3)
    known = of_pixel[np.isfinite(of_pixel)]
    high = float(np.quantile(known, 0.99)) if known.size else 1.0
    shown = left.imshow(np.ma.masked_invalid(of_pixel), cmap="magma", vmin=0, vmax=high, interpolation="nearest")
    left.set(title="R of each detector pixel", xlabel="x (pixels)", ylabel="y (pixels)", facecolor="0.7")
    upper.colorbar(shown, ax=left, shrink=0.8)
    low, highest = _chi_range(chi_squared)
    norm = LogNorm(low, highest)
    shown = middle.imshow(np.ma.masked_invalid(chi_squared), cmap="RdBu_r", norm=norm, interpolation="nearest")
    middle.set(title="χ² of each detector pixel", xlabel="x (pixels)", facecolor="0.7")
    ticks = [t for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= t <= highest]
    bar = upper.colorbar(shown, ax=middle, shrink=0.8, label="1: nothing but photon counting")
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    bar.minorticks_off()
    if positions is not None:
        _draw_places(upper, right[0], positions[::group], of_pattern.reshape(-1, group).mean(axis=1), unit)
    axis = lower.subplots()
    axis.plot(of_pattern, ".", color="0.3", markersize=3)
    axis.axhline(float(np.nanmedian(of_pattern)), color="C3", linewidth=1, label="median")
    axis.set(xlabel="number of the pattern", ylabel="R", xlim=(-1, len(of_pattern)))
    axis.legend(loc="upper right")
    axis.grid(visible=True, alpha=0.25)
    return figure


def _draw_places(
    figure: FigureBase, axes: Axes, places: Float[np.ndarray, "group 2"], means: Float[np.ndarray, " group"], unit: str
) -> None:
    points = axes.scatter(places[:, 1], places[:, 0], c=means, s=_size(len(places)), cmap="viridis")
    axes.set(title="R of each pattern, at its position", xlabel=f"x ({unit})", ylabel=f"y ({unit})", aspect="equal")
    axes.invert_yaxis()
    figure.colorbar(points, ax=axes, shrink=0.8)


def figure_of_residuals(left: Residuals, data: Dataset) -> Figure:
    """`residual_figure` of what is left of these data, with positions in the unit that suits the size of the scan.

    Args:
        left: what is left of patterns and of detector pixels.
        data: those that were explained.
    """
    parts, places = (left.r_of_pixel, left.chi_squared_of_pixel, left.r_of_pattern), data.positions
    if places is None:
        return residual_figure(*parts, None, data.group)
    unit = "pixels" if data.geometry is None else length_unit(float(np.ptp(places, axis=0).max()))
    places = places / UNITS.get(unit, 1.0)
    return residual_figure(*parts, places, data.group, unit)


def _chi_range(chi_squared: Float[np.ndarray, "y x"]) -> tuple[float, float]:
    """Colours on both sides of 1, as wide as most pixels need."""
    known = chi_squared[np.isfinite(chi_squared) & (chi_squared > 0)]
    if not known.size:
        return 0.5, 2.0
    low, high = (float(level) for level in np.quantile(known, (0.01, 0.99)))
    widest = min(max(2.0, high, 1 / max(low, BEST_CHI)), WORST_CHI)
    return 1 / widest, widest


def _size(count: int) -> float:
    return float(np.clip(8000 / count, 4, 80))
