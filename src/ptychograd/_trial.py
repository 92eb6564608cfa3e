"""A short reconstruction for each of the eight orientations of a scan: which one patterns left aside agree with."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ptychograd._dataset import BraggGeometry, Dataset, NearFieldGeometry, subset
from ptychograd._errors import InputError
from ptychograd._hold_out import r_factor, set_aside
from ptychograd._illumination import of_photons
from ptychograd._model import AbstractModel
from ptychograd._orientation import ALL, WORDS, oriented, twin
from ptychograd._patterns import lit_positions
from ptychograd._recipes import far_field, near_field
from ptychograd._result import Result
from ptychograd._run import Run, Stage, perform_all
from ptychograd._solvers import Nesterov

EPOCHS = 10
MOST = 160  # patterns, those nearest to the middle of the scan: enough for a patch that overlaps with itself
HELD, FEWEST_HELD = 0.1, 4
BATCH, LEAST_STEPS = 16, 5  # patterns a step, and steps an epoch
DIGITS = 4  # of an R-factor: what differs less is rounding
TELLING = 0.3  # by how much the next R-factor has to be larger: starts that failed differ by less (after 10 epochs)


class Trial(NamedTuple):
    """One orientation, the R-factor of the patterns held out from its reconstruction, and that."""

    code: int
    r_factor: float
    result: Result


class Preference(NamedTuple):
    """The orientations that fit best: one, or several that can't be told apart; how much larger R is for the next.

    `is_pair` where they are two that no far field tells apart.
    """

    codes: tuple[int, ...]
    margin: float
    is_pair: bool
    words: str


def try_orientations(
    data: Dataset,
    model_of: Callable[[Dataset], AbstractModel] | None = None,
    *,
    epochs: int = EPOCHS,
    most: int = MOST,
    seed: int = 0,
    on_trial: Callable[[int, float], None] | None = None,
) -> list[Trial]:
    """Reconstructions in all eight orientations (see `oriented`), that with the smallest held-out R-factor first.

    They take at most `most` patterns with photons about the middle of the scan. The support is left out, as it may have
    been drawn for a wrong orientation, and the start probe is scaled to the photons measured. `model_of` makes the
    start model, `far_field` or `near_field` by default. `on_trial` is told each code and its R-factor as they get done.

    Raises `InputError` for rocking curves, and for less than 8 patterns with photons.

    Example:
        best = try_orientations(data)[0]
        result = reconstruct(far_field(oriented(data, best.code)), ...)
    """
    if isinstance(data.geometry, BraggGeometry):
        raise InputError(
            f"{data.source} holds rocking curves, whose axes the diffraction fixes; no orientation to try."
        )
    if isinstance(model_of, AbstractModel):
        raise InputError("A model is for one orientation; give a function that makes one of a dataset, as far_field.")
    lit = min(most, len(lit_positions(data)))
    if lit < 2 * FEWEST_HELD:
        raise InputError(
            f"{lit} patterns with photons are too few to hold some out; expected {2 * FEWEST_HELD} or more."
        )
    part = _middle(data, most)
    fitted, held = set_aside(part, max(FEWEST_HELD, round(HELD * lit)), seed)
    recipe = model_of or (near_field if isinstance(data.geometry, NearFieldGeometry) else far_field)
    runs = {}
    for code in ALL:
        there = oriented(fitted, code)
        batch = min(BATCH, -(-part.count // LEAST_STEPS))
        runs[str(code)] = Run(recipe(there), there, Nesterov(), (Stage(epochs),), batch, seed)
    trials = []
    for name, result in perform_all(runs):
        code = int(name)
        found = math.inf if result.model is None else r_factor(result.model, oriented(held, code))
        found = found if math.isfinite(found) else math.inf
        trials.append(Trial(code, found, result))
        if on_trial is not None:
            on_trial(code, found)
    return sorted(trials, key=lambda trial: (round(trial.r_factor, DIGITS), trial.code))


def preference(trials: Sequence[Trial], data: Dataset) -> Preference:
    """Which orientations fit best, and by how much, in words.

    A far field whose start probe is its own twin gives the same R-factor for both of a pair (see `twin`).
    """
    first = trials[0]
    alike = tuple(trial for trial in trials if trial.r_factor <= (1 + TELLING) * first.r_factor)
    codes, rest = tuple(sorted(trial.code for trial in alike)), trials[len(alike) :]
    margin = rest[0].r_factor / first.r_factor - 1 if rest else 0.0
    best = f"{_named(first.code)} fits best: R of held-out patterns {first.r_factor:.4f}"
    after = f"the next, {_named(rest[0].code)}, {rest[0].r_factor:.4f}" if rest else ""
    if len(codes) == 1:
        return Preference(codes, margin, False, f"{best}, {after}")
    is_far = not isinstance(data.geometry, NearFieldGeometry)
    if is_far and set(codes) == {first.code, twin(first.code)}:
        both = " and ".join(_named(code) for code in codes)
        return Preference(
            codes,
            margin,
            True,
            f"{both} fit alike, R of held-out patterns {first.r_factor:.4f}, {after}. A far field can't tell the two "
            "apart: one object is the complex conjugate of the other, turned by 180 degrees. A start probe whose side "
            "of the focus is known does",
        )
    several = ", ".join(str(code) for code in codes)
    return Preference(
        codes,
        margin,
        False,
        f"not told: R of held-out patterns is {first.r_factor:.4f} at best, within {TELLING:.0%} of it for {several}",
    )


def _named(code: int) -> str:
    return f"{code} ({WORDS[code]})"


def _middle(data: Dataset, most: int) -> Dataset:
    """The patterns about the middle of the scan, without a support, the start probe as bright as they are."""
    if data.count > most:
        lit = lit_positions(data)
        away = np.hypot(*(data.positions[lit] - np.median(data.positions[lit], axis=0)).T)
        data = subset(data, np.sort(lit[np.argsort(away, kind="stable")[:most]]))
    probe = data.probe
    if probe is not None and probe.any():
        probe = of_photons(probe, float(data.photons.max())).astype(probe.dtype)
    return replace(data, support=None, truth=None, probe=probe)
