"""Short reconstructions from several starts, all judged by the same patterns that none of them was fitted to."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ptychograd.automatic.orientation.trials import middle_of_scan
from ptychograd.automatic.start.candidate import StartCandidate
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset
from ptychograd.data.splitting import set_aside
from ptychograd.fitting.result import Result
from ptychograd.fitting.solvers import Nesterov
from ptychograd.fitting.verdict import LATTICE, causes_of
from ptychograd.models.recipes import thin_recipe
from ptychograd.physics.model import AbstractModel
from ptychograd.refinement.positions.validation import held_out_misfits
from ptychograd.runs.many import perform_all
from ptychograd.runs.stage import Run, Stage

FEWEST, MOST, AMPLE = 100, 600, 7.5e4  # patterns of a trial; photons of a pattern from which on the fewest are enough
HELD, FEWEST_HELD = 1 / 6, 4  # of the patterns of a trial
STEPS = 6  # of an epoch, at least
BATCH = 16


class StartTrial(NamedTuple):
    """A short reconstruction from a start, and how well it expects patterns held out from it.

    Args:
        candidate: the start.
        r_factor: R of all held-out patterns together; infinite if the reconstruction diverged.
        r_of_pattern: R of each of them.
        epochs: of the reconstruction.
        result: the reconstruction.
    """

    candidate: StartCandidate
    r_factor: float
    r_of_pattern: Float[np.ndarray, " held"]
    epochs: int
    result: Result

    @property
    def has_lattice(self) -> bool:
        """Whether its object and probe carry the lattice of the scan, which fits well and is no image."""
        return LATTICE in causes_of(self.result)


class TrialData(NamedTuple):
    """The patterns of trials: those that are fitted, and those that judge."""

    fitted: Dataset
    held: Dataset


Tell = Callable[[StartTrial], None]
ModelOf = Callable[[Dataset], AbstractModel]


def trial_data(data: Dataset, seed: int = 0, most: int | None = None) -> TrialData:
    """As many patterns about the middle of the scan as their photons ask for, a sixth of them held out.

    A hundred are enough from 75 000 photons a pattern on; the number grows with the root of what is missing.

    Args:
        data: the whole scan.
        seed: of the choice of held-out patterns.
        most: patterns, in place of that number.

    Example:
        parts = pg.automatic.trial_data(data)
        trials = pg.automatic.try_starts(parts, candidates, epochs=6)
    """
    wanted = patterns_needed(data) if most is None else most
    middle = replace(middle_of_scan(data, wanted), probe=None)
    return TrialData(*set_aside(middle, max(FEWEST_HELD, round(HELD * middle.count)), seed))


def patterns_needed(data: Dataset) -> int:
    """How many patterns trials take, for the photons that there are."""
    photons = float(np.median(data.photons[data.photons > 0]))
    return int(min(MOST, max(FEWEST, FEWEST * math.sqrt(AMPLE / max(photons, 1.0)))))


@meant
def try_starts(
    parts: TrialData,
    candidates: Sequence[StartCandidate],
    epochs: int,
    *,
    model_of: ModelOf | None = None,
    seed: int = 0,
    on_trial: Tell | None = None,
) -> list[StartTrial]:
    """A short reconstruction from each start, that with the smallest R of held-out patterns first.

    Runs of the same shape are computed by one compiled program, side by side where memory allows.

    Args:
        parts: patterns to fit and to judge, as `trial_data` takes them.
        candidates: the starts.
        epochs: of each reconstruction.
        model_of: makes a model of data that hold their start probe; `far_field` or `near_field` by default.
        seed: of the order of patterns.
        on_trial: is called with each trial, as it gets done.

    Example:
        start = pg.automatic.StartCandidate("my beam", "a lens of mine", wave)
        trials = pg.automatic.try_starts(pg.automatic.trial_data(data), [start], epochs=6)
    """
    model_of = model_of or thin_recipe(parts.fitted)
    placed = {placing: placing.applied(parts.fitted) for placing in {one.placing for one in candidates}}
    runs = {}
    for number, one in enumerate(candidates):
        there = placed[one.placing]
        model = model_of(replace(there, probe=one.wave[None].astype(np.complex64)))
        runs[str(number)] = Run(model, there, Nesterov(), (Stage(epochs),), batch_of(there), seed)
    judge = partial(_trial_of, parts.held, candidates, epochs, on_trial)
    return ranked(judge(name, result) for name, result in perform_all(runs))


def batch_of(data: Dataset) -> int:
    """Patterns of a step: as many as suit the photons, and a sixth of all at most, so that an epoch has steps."""
    fitted = int(np.count_nonzero(data.photons))
    return max(1, min(max(BATCH, Nesterov().suited_batch_size(data)), fitted // STEPS))


def ranked(trials: Iterable[StartTrial]) -> list[StartTrial]:
    """The best first, those whose object and probe carry the lattice of the scan after all others."""
    return sorted(trials, key=lambda trial: (trial.has_lattice, trial.r_factor))


def _trial_of(
    held: Dataset, candidates: Sequence[StartCandidate], epochs: int, tell: Tell | None, name: str, result: Result
) -> StartTrial:
    one, r_factor, each = candidates[int(name)], math.inf, np.zeros(0)
    if result.model is not None and result.stopped != "not finite":
        left = held_out_misfits(result.model, one.placing.applied(held), None, {})
        each = np.sqrt(left.residual / np.maximum(left.photons, 1e-30))
        r_factor = left.r_factor if math.isfinite(left.r_factor) else math.inf
    trial = StartTrial(one, r_factor, each, epochs, result)
    if tell is not None:
        tell(trial)
    return trial
