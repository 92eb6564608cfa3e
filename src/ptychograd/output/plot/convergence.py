"""How a run went: in words above and below a picture, and as a curve."""

import textwrap

import numpy as np
from matplotlib.ticker import MaxNLocator

from ptychograd.fitting.result import Result
from ptychograd.output.captions import figures_line, headline, verdict_code

WIDTH = 150  # characters of a line of the headline
COLOURS = {"not_solved": "#b3202a"}  # of the headline; black for any other verdict


def draw_captions(figure, result: Result) -> None:
    """Above the picture what it is of, whether it succeeded, R and pixel size; below it, small, how it was made."""
    text = "\n".join(textwrap.wrap(headline(result), WIDTH))
    figure.suptitle(f"{text}\n{figures_line(result)}", fontsize=11, color=COLOURS.get(verdict_code(result), "black"))
    figure.supxlabel(f"{result.settings['solver']}; {result.stopped}", fontsize=7, color="0.45")


def draw_convergence(axis, result: Result) -> None:
    """The R-factor, epoch by epoch, and that of held-out patterns where somebody looked."""
    epochs = np.arange(1, result.history.epochs + 1)
    axis.plot(epochs, result.history.r_factor, color="0.2")
    monitored = result.history.monitored
    if monitored:
        axis.plot(list(monitored), list(monitored.values()), "o", color="tab:red", markersize=3, label="held out")
        axis.legend(fontsize=8, frameon=False)
    axis.set(xlabel="epoch", ylabel="R-factor", yscale="log")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if result.history.epochs:
        axis.set_title(f"R = {result.r_factor:.4g} after {result.epochs_of_state} epochs", fontsize=9)
    axis.grid(visible=True, which="both", alpha=0.3)
