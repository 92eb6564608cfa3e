"""How a run went."""

import numpy as np

from ptychograd.fitting.result import Result


def draw_convergence(axis, result: Result) -> None:
    """The R-factor, epoch by epoch, and that of held-out patterns where somebody looked."""
    epochs = np.arange(1, result.history.epochs + 1)
    axis.plot(epochs, result.history.r_factor, color="0.2")
    monitored = result.history.monitored
    if monitored:
        axis.plot(list(monitored), list(monitored.values()), "o", color="tab:red", markersize=3, label="held out")
        axis.legend(fontsize=8, frameon=False)
    axis.set(xlabel="epoch", ylabel="R-factor", yscale="log")
    if result.history.epochs:
        axis.set_title(f"R = {result.history.r_factor[-1]:.4g} after {result.history.epochs} epochs", fontsize=9)
    axis.grid(visible=True, which="both", alpha=0.3)
