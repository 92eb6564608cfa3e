"""Held-out patterns, looked at while a run goes on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.result import Result
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.noise import AbstractNoise
from ptychograd.refinement.positions.validation import held_out_misfits


@dataclass(frozen=True)
class HeldOutMonitor:
    """During a run, compute every few epochs the R-factor of patterns that are held out, for `monitor` of a `Run`.

    The R-factors go into `held_out` of the history, and `Converged` ends a stage where they rise. They are taken with
    these patterns' positions, intensities and weights as they are in the model. Where such numbers are refined, those
    of the held-out patterns are not, and `held_out_misfits` tells more.

    Args:
        held: the patterns that are held out, as `hold_out` gives them.
        every: epochs from one R-factor to the next, 1 or more.
        noise: the noise model, which says what a pixel shows; `Amplitude()` by default.

    Raises:
        InputError: `every` is below 1.

    Example:
        fitted, held = pg.hold_out(data, 0.05)
        stages = (pg.Stage(140, until=pg.fitting.Converged()), pg.Stage(60))  # the first also ends as R of `held` rises
        monitor = pg.refinement.HeldOutMonitor(held)
        result = pg.perform(pg.Run(model, fitted, pg.Nesterov(), stages, 16, monitor=monitor))
    """

    held: Dataset
    every: int = 5
    noise: AbstractNoise | None = None

    def __post_init__(self):
        if self.every < 1:
            raise InputError(f"A look at held-out patterns every {self.every} epochs; expected 1 or more.")

    def __call__(self, epochs: int, so_far: Callable[[], Result]) -> float:
        """R after so many epochs, or NaN after epochs for which none is computed."""
        if epochs % self.every:
            return float("nan")
        return held_out_misfits(cast("AbstractModel", so_far().model), self.held, self.noise, {}).r_factor
