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
    """Looks every so many epochs of a run at the R-factor of patterns that are `held` out, for `Run.watch`.

    It is taken with the patterns' positions, intensities and weights as they are in the model: where these are refined
    nobody refines those of held-out patterns, and `held_out_misfits` tells more.

    Example:
        fitted, held = hold_out(data, 0.05)
        stages = (Stage(140, until=Converged()), Stage(60))  # which then also ends when R of those patterns rises
        result = perform(Run(model, fitted, Nesterov(), stages, 16, monitor=HeldOutMonitor(held)))
    """

    held: Dataset
    every: int = 5
    noise: AbstractNoise | None = None

    def __post_init__(self):
        if self.every < 1:
            raise InputError(f"A look at held-out patterns every {self.every} epochs; expected 1 or more.")

    def __call__(self, epochs: int, so_far: Callable[[], Result]) -> float:
        """R after so many epochs, or NaN where nobody looks."""
        if epochs % self.every:
            return float("nan")
        return held_out_misfits(cast("AbstractModel", so_far().model), self.held, self.noise, {}).r_factor
