"""Figure of positions that were looked for far off: the mosaic of holograms, and how well each of them fits."""

import numpy as np
from jaxtyping import Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ptychograd.refinement.positions import HologramMosaic

GREY = (2.0, 98.0)  # percentiles of the pixels on which something lies, from black to white


def mosaic_figure(found: HologramMosaic, refined: Float[np.ndarray, "pattern 2"] | None = None) -> Figure:
    """Draw the mosaic with arrows from given to placed positions, and the share of each hologram that others explain.

    Args:
        found: by `hologram_mosaic`.
        refined: positions (y, x) of the same patterns after a run, in object pixels from any origin; drawn beside the
            placed ones, at the same mean.

    Returns:
        a figure of matplotlib, for `save`.

    Example:
        >>> found = pg.refinement.hologram_mosaic(model, data, within=6)
        >>> [axis.get_title() for axis in pg.plot.mosaic_figure(found).axes][:2]
        ['mosaic of holograms', 'explained by the others']
    """
    figure = Figure(figsize=(12.6, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    (top, bottom), (begin, end) = _covered(found)
    middle = (np.array([bottom, end]) - found.placed.max(0)) / 2  # of a window
    image = np.real(found.image)
    least, most = np.percentile(image[found.image != 0], GREY)
    left.imshow(image, cmap="gray", vmin=least, vmax=most)
    given, placed = found.given + middle, found.placed + middle
    moves = placed - given
    left.quiver(*given.T[::-1], *moves.T[::-1], angles="xy", scale_units="xy", scale=1, width=0.003, color="tab:red")
    left.plot(*given.T[::-1], ".", markersize=3, color="tab:orange", label="given")
    left.plot(*placed.T[::-1], ".", markersize=3, color="tab:red", label="placed")
    if refined is not None:
        there = refined - refined.mean(0) + placed.mean(0)
        left.plot(*there.T[::-1], "+", markersize=5, color="tab:cyan", label="refined")
    left.legend(fontsize=8, loc="upper right")
    left.set(title="mosaic of holograms", xlabel="x (object pixels)", ylabel="y (object pixels)")
    dots = right.scatter(*placed.T[::-1], c=found.explained, s=22, cmap="viridis", vmin=min(0, found.explained.min()))
    figure.colorbar(dots, ax=right, label="share of its energy")
    right.set(
        title="explained by the others",
        xlabel="x (object pixels)",
        aspect="equal",
        xlim=(begin, end),
        ylim=(bottom, top),
    )
    return figure


def _covered(found: HologramMosaic) -> list[tuple[int, int]]:
    """The first and the last row, and column, on which something lies."""
    return [(int(n.min()), int(n.max())) for n in np.nonzero(found.image)]
