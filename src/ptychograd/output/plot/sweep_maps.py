"""Figures of a sweep over its grid."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ptychograd.core.errors import InputError
from ptychograd.output.plot.overview import save
from ptychograd.runs.folders import removed
from ptychograd.runs.sweeps import Sweep

MOST_AXES = 2


def sweep_map(values: Float[np.ndarray, "..."], grid: Mapping[str, tuple], figure: str) -> Figure:
    """Draw one figure of a sweep over its grid: a curve over one axis, a heat map over two.

    A run that failed is a gap in the curve and a cross in the map.

    Args:
        values: the figure at each point, an axis for each of the grid's, of `Sweep.values`; NaN where the run failed.
        grid: values of each axis, by its name, as `Sweep.grid`. An axis with a single value is not drawn.
        figure: the name of the figure, as "r_factor".

    Returns:
        a figure of matplotlib, for `save`.

    Raises:
        InputError: the grid has more than two axes of several values.

    Example:
        >>> values = np.array([[0.3, 0.2, 0.25], [np.nan, 0.1, 0.15]])
        >>> drawn = pg.plot.sweep_map(values, {"modes": (1, 2), "seed": (0, 1, 2)}, "r_factor")
        >>> drawn.axes[0].get_ylabel()
        'modes'
    """
    axes = {name: along for name, along in grid.items() if len(along) > 1} or dict([*grid.items()][:1])
    if len(axes) > MOST_AXES:
        raise InputError(f"A map shows one or two axes, and this grid has {len(axes)}: {', '.join(axes)}.")
    values = values.reshape(tuple(len(along) for along in axes.values()))
    picture = Figure(figsize=(6.4, 4.8), layout="constrained")
    FigureCanvasAgg(picture)
    axis = picture.subplots()
    names = list(axes)
    if values.ndim == 1:
        axis.plot(values, "o-", color="0.2")
        _label(axis.xaxis, names[0], axes[names[0]])
        axis.set_ylabel(figure)
        return picture
    shown = heat_map(axis, values, axes[names[0]], axes[names[1]])
    axis.set(ylabel=names[0], xlabel=names[1], title=figure)
    picture.colorbar(shown, ax=axis)
    return picture


def heat_map(axis, values: Float[np.ndarray, "y x"], rows: tuple, columns: tuple, highest: float | None = None):
    """Cells with their numbers in them, dark where the number is small; a cross for NaN."""
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    shown = axis.imshow(np.where(np.isfinite(values), values, np.nan), cmap="viridis", vmin=low, vmax=highest or high)
    middle = (low + (highest or high)) / 2
    for (row, column), value in np.ndenumerate(values):
        text = f"{value:.2g}" if np.isfinite(value) else "×"
        bright = not np.isfinite(value) or value > middle
        axis.text(column, row, text, ha="center", va="center", fontsize=8, color="black" if bright else "white")
    _label(axis.yaxis, "", rows)
    _label(axis.xaxis, "", columns)
    return shown


def _label(axis, name: str, values: tuple) -> None:
    texts = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    axis.set_ticks(range(len(values)), texts)
    if name:
        axis.set_label_text(name)


def draw_sweep(by: str, found: Sweep, path: Path) -> None:
    """Write the map of a sweep; of one over more axes than can be drawn there is none, nor an older one."""
    if sum(len(values) > 1 for values in found.grid.values()) <= MOST_AXES:
        save(sweep_map(found.values(by), found.grid, by), path)
    else:
        removed(path)
