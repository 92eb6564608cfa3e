"""Figures of a search over fields of a plan."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullFormatter

from ptychograd.core.errors import InputError
from ptychograd.output.plot.overview import save
from ptychograd.runs.searches import Search
from ptychograd.runs.setting_names import HELD_OUT

COLUMNS = 3


def search_figure(
    values: Float[np.ndarray, " trial"],
    axes: Mapping[str, Sequence],
    figure: str,
    logarithmic: Collection[str] = (),
) -> Figure:
    """Draw one figure of a search over its trials, with the lowest so far, and over each field.

    A trial that failed or was pruned is a cross at the lower edge.

    Args:
        values: the figure of each trial, in their order; NaN where there is none.
        axes: by the path of each field where the trials are on it: numbers, or texts.
        figure: the name of the figure, as "held_out_r_factor".
        logarithmic: fields that are drawn by their logarithm.

    Returns:
        a figure of matplotlib, for `save`.

    Raises:
        InputError: there is no trial, or a field has not as many values as there are trials.

    Example:
        >>> values = np.array([0.3, np.nan, 0.1])
        >>> drawn = pg.plot.search_figure(values, {"fit.batch_size": [4, 256, 16]}, "held_out_r_factor")
        >>> [axis.get_xlabel() for axis in drawn.axes]
        ['trial', 'fit.batch_size']
    """
    if not len(values) or any(len(along) != len(values) for along in axes.values()):
        raise InputError(f"{len(values)} trials; expected one or more, and as many values of each field.")
    count = 1 + len(axes)
    rows, columns = -(-count // COLUMNS), min(COLUMNS, count)
    picture = Figure(figsize=(4.2 * columns, 3.4 * rows), layout="constrained")
    FigureCanvasAgg(picture)
    panels = [picture.add_subplot(rows, columns, number + 1) for number in range(count)]
    trials = np.arange(1, len(values) + 1)
    _points(panels[0], trials, values)
    if np.isfinite(values).any():
        panels[0].step(trials, np.fmin.accumulate(values), where="post", color="0.6", zorder=0)
    panels[0].set(xlabel="trial", ylabel=figure)
    panels[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    for panel, (path, along) in zip(panels[1:], axes.items(), strict=True):
        if path in logarithmic:
            _set_logarithmic(panel)
        _points(panel, _places(panel, along), values)
        panel.set(xlabel=path, ylabel=figure)
    return picture


def _set_logarithmic(panel) -> None:
    """A logarithmic axis with plain numbers, few enough to stand side by side."""
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=6))
    panel.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    panel.xaxis.set_minor_formatter(NullFormatter())


def _places(panel, along: Sequence) -> np.ndarray:
    """Where trials stand on an axis: numbers as they are, texts side by side."""
    if not any(isinstance(value, str) for value in along):
        return np.asarray(along, float)
    texts = list(dict.fromkeys(map(str, along)))
    panel.set_xticks(range(len(texts)), texts)
    panel.set_xlim(-0.5, len(texts) - 0.5)
    return np.array([texts.index(str(value)) for value in along], float)


def _points(panel, places: np.ndarray, values: np.ndarray) -> None:
    """Dots, the lowest one marked, and crosses at the edge for those without a figure."""
    finite = np.isfinite(values)
    panel.plot(places[finite], values[finite], "o", color="0.2", markersize=4)
    if not finite.all():  # an empty one that may leave its panel would take all room
        at_edge = panel.get_xaxis_transform()
        panel.plot(places[~finite], np.zeros((~finite).sum()), "x", color="0.5", transform=at_edge, clip_on=False)
    if finite.any():
        best = int(np.nanargmin(values))
        panel.plot(places[best], values[best], "o", color="tab:red", markersize=8, fillstyle="none")


def draw_search(found: Search, path: Path) -> None:
    """Write the figure of a search."""
    axes = {field: [axis.number(row.point[field]) for row in found.rows] for field, axis in found.axes.items()}
    logarithmic = [field for field, axis in found.axes.items() if axis.log]
    save(search_figure(found.values(HELD_OUT), axes, HELD_OUT, logarithmic), path)
