"""Figure of a search of the start: trials over the width of their beam, and the best one's probe and image."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Complex
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ptychograd.automatic import StartSearch
from ptychograd.output.plot.overview import complex_colour


def search_page(found: StartSearch) -> Figure:
    """`start_figure` of a search.

    Args:
        found: its trials.
    """
    trials, best = found.trials, found.best.result
    kinds = [f"{one.candidate.family}, {one.candidate.placing.text}" for one in trials]
    widths = [one.candidate.width for one in trials]
    return start_figure(widths, [one.r_factor for one in trials], kinds, best.probe[0], best.object)


def start_figure(
    widths: Sequence[float],
    r_factors: Sequence[float],
    kinds: Sequence[str],
    probe: Complex[np.ndarray, "y x"],
    image: Complex[np.ndarray, "Y X"],
) -> Figure:
    """Draw R of held-out patterns over the width of the beam, and beside it what the best trial found.

    Args:
        widths: of the beam of each trial in object pixels, negative before the focus, the best trial's first.
        r_factors: R of held-out patterns of each trial.
        kinds: family and orientation of each trial, in words; each has a colour.
        probe: of the best trial, its first mode.
        image: its object.

    Returns:
        a figure of matplotlib, for `save`.

    Example:
        >>> wave = np.ones((8, 8), complex)
        >>> drawn = pg.plot.start_figure([9.0, -9.0], [0.05, 0.1], ["pupil", "pupil"], wave, np.ones((20, 20), complex))
        >>> [axis.get_title() for axis in drawn.axes]
        ['trials', 'probe', 'image']
    """
    picture = Figure(figsize=(12.6, 4.0), layout="constrained")
    FigureCanvasAgg(picture)
    panels = [picture.add_subplot(1, 3, number + 1) for number in range(3)]
    along, up, named = np.asarray(widths, float), np.asarray(r_factors, float), np.array(kinds)
    for kind in dict.fromkeys(kinds):
        some = (named == kind) & np.isfinite(up)
        panels[0].plot(along[some], up[some], "o", label=kind, markersize=4)
    panels[0].plot(along[:1], up[:1], "o", markersize=11, fillstyle="none", color="k")
    panels[0].set(title="trials", xlabel="width of the beam (object pixels; - before the focus)", ylabel="held-out R")
    panels[0].legend(fontsize=7)
    for panel, wave, title in ((panels[1], probe, "probe"), (panels[2], image, "image")):
        panel.imshow(complex_colour(wave))
        panel.set(title=title, xticks=[], yticks=[])
    return picture
