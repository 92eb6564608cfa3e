"""The start of a scan of which nothing is known but patterns and positions: found by shadows, then by short trials."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex

from ptychograd.automatic.budget import Budget
from ptychograd.automatic.orientation.preference import critical, errors_apart
from ptychograd.automatic.orientation.start import as_wide_as_speckles
from ptychograd.automatic.start.candidate import Placing, StartCandidate
from ptychograd.automatic.start.families import WIDTHS, Optics, openings, pupils, speckles
from ptychograd.automatic.start.shadow_distance import is_near_field
from ptychograd.automatic.start.shadows import ShadowFit, refined_fit, shadow_fits, shadows_of
from ptychograd.automatic.start.trials import StartTrial, Tell, TrialData, ranked, trial_data, try_starts
from ptychograd.core.errors import InputError
from ptychograd.core.strict import meant
from ptychograd.data.checks.finding import plural
from ptychograd.data.dataset import Dataset, check_data, positions_of
from ptychograd.data.orientation import ALL
from ptychograd.data.patterns import illuminated_positions

FEWEST = 8  # patterns with photons
ALIKE = 0.1  # correlation of neighbours' shadows from which on they are taken for shadows
QUARTER = math.pi / 2
SNAP = math.radians(1.0)  # from the nearest quarter of a turn: by more than that both are tried
FINER = tuple(math.radians(angle) for angle in (1.5, 3.0))  # by which a scan is turned more or less
ABOUT = (0.64, 0.8, 1.0, 1.25, 1.56)  # times the width that shadows tell
FIRST, SECOND, LAST, LONG = 4, 6, 10, 30  # epochs of trials: of many, about shadows, of the best; behind diffusers
FEW = 6  # trials that go on to the last round
FILE = "file"  # the family of the probe that a file holds
LITTLE = 0.1  # of the same: then nothing else is looked for
UNEXPLAINED = 0.5  # of what can be explained, left of the fitted patterns: then nothing was found yet
HANDS = (Placing(0), Placing(1), Placing(4), Placing(5))  # the others are twins of these


class StartSearch(NamedTuple):
    """What a search of the start found.

    Args:
        trials: those of the last round, the best first, then all before them.
        finalists: of the last round, that can't be told apart from the best, one for each family and placing.
        errors: standard errors from the best to the nearest that is told apart.
        needed: that many are needed to tell two apart, for so many trials.
        notes: what was found, in sentences.
    """

    trials: tuple[StartTrial, ...]
    finalists: tuple[StartTrial, ...]
    errors: float
    needed: float
    notes: tuple[str, ...]

    @property
    def best(self) -> StartTrial:
        """The trial that fits best."""
        return self.trials[0]

    @property
    def is_certain(self) -> bool:
        """Whether one family and one placing are told apart from all others."""
        return len(self.finalists) == 1

    @property
    def is_poor(self) -> bool:
        """Whether even the best explains so little that no start was found."""
        return left_of(self.best) > UNEXPLAINED


class Search(NamedTuple):
    """What is asked of a search of the start.

    Args:
        parts: the patterns of trials.
        placings: in which the scan may lie, if a person said so.
        seed: of the order of patterns.
        on_trial: is called with each trial.
        budget: of time; when it is over, no more kinds of starts are tried.
    """

    parts: TrialData
    placings: tuple[Placing, ...] | None = None
    seed: int = 0
    on_trial: Tell | None = None
    budget: Budget = Budget()

    def tried(self, candidates: Iterable[StartCandidate], epochs: int) -> list[StartTrial]:
        """Trials of these candidates, the best first."""
        return try_starts(self.parts, list(candidates), epochs, seed=self.seed, on_trial=self.on_trial)


@meant
def find_start(
    data: Dataset,
    *,
    placing: Placing | None = None,
    seed: int = 0,
    on_trial: Tell | None = None,
    budget: Budget = Budget(),  # noqa: B008  it is never written to
) -> StartSearch:
    """Find the probe with which a far field begins, and how its scan lies to the detector.

    Data with a probe begin with it; only the orientation of their scan is looked for. Give them without it,
    `dataclasses.replace(data, probe=None)`, to look for another. Where the beam is out of focus, neighbouring patterns
    show its shadow moving, which tells orientation, angle and defocus (see `shadow_fits`); trials about these confirm
    them. Elsewhere pupils in and out of focus, pinholes and spots are tried, first as the file says that the scan lies,
    then in the other orientations.

    Args:
        data: a far field with positions.
        placing: how the scan lies to the detector, if that is known.
        seed: of the choice of held-out patterns, and of the order of the others.
        on_trial: is called with each trial as it gets done.
        budget: of time; when it is over, no more kinds of starts are tried. No bound by default.

    Raises:
        InputError: rocking curves or a near field, no positions, or fewer than 8 patterns have photons.

    Example:
        found = pg.automatic.find_start(data)
        plan = plan.with_fields(found.best.candidate.all_fields)
    """
    check_data(data)
    positions_of(data)
    if not data.is_far_field:
        raise InputError(f"{data.source} is no far field of a thin object; its start needs no search.")
    count = len(illuminated_positions(data))
    if count < FEWEST:
        raise InputError(f"{count} patterns with photons are too few to hold some out; expected {FEWEST} or more.")
    search = Search(trial_data(data, seed), None if placing is None else (placing,), seed, on_trial, budget)
    if data.probe is not None:
        return compared(_by_file(np.asarray(data.probe)[0], search))
    by_shadow, notes = _by_shadows(data, search)
    if by_shadow and left_of(by_shadow[0]) <= UNEXPLAINED:
        return compared(_beside_openings(by_shadow, search), notes)
    trials = _by_families(search)
    last = _last_round(ranked([*trials, *by_shadow]), search)
    return compared(last, (*notes, f"{len(trials)} other starts were tried"))


def left_of(trial: StartTrial) -> float:
    """The share that a trial leaves of what can be explained in the patterns that it was fitted to."""
    left = trial.result.settings.get("verdict", {}).get("left")
    return math.inf if left is None else float(left)


def compared(trials: Sequence[StartTrial], notes: Iterable[str] = ()) -> StartSearch:
    """Which trials can't be told apart from the best, by the patterns that are held out from all."""
    best = trials[0]
    needed = critical(len(best.r_of_pattern), len(trials) - 1)
    finalists, errors = {_kind(best): best}, math.inf
    for trial in trials[1:]:
        apart = errors_apart(best, trial)
        if _kind(trial) in finalists:
            continue
        if apart < needed:
            finalists[_kind(trial)] = trial
        else:
            errors = min(errors, apart)
    return StartSearch(
        tuple(trials), tuple(finalists.values()), errors, needed, (*notes, _summary(best, finalists, errors))
    )


def _kind(trial: StartTrial) -> tuple[str, int, int]:
    """What makes a trial another answer: its family, orientation and side of the focus; not by how much."""
    one = trial.candidate
    return one.family, one.placing.orientation, int(np.sign(one.width))


def _summary(best: StartTrial, finalists: Sequence | dict, errors: float) -> str:
    one = best.candidate
    text = f"start: {one.text}; positions {one.placing.text}: R of held-out patterns {best.r_factor:.4f}"
    if len(finalists) > 1:
        return f"{text}, and {plural(len(finalists) - 1, 'other start')} that can't be told apart from it"
    return text + (f", the next other start {errors:.1f} standard errors more" if math.isfinite(errors) else "")


def _by_file(wave: Complex[np.ndarray, "y x"], search: Search) -> list[StartTrial]:
    """Trials of a file's probe in all orientations, first that of the file, unless another is told to be better."""
    places = search.placings or tuple(Placing(code) for code in ALL)
    trials = search.tried([StartCandidate(FILE, "the probe of the file", wave, place) for place in places], SECOND)
    stated = next(one for one in trials if one.candidate.placing == places[0])
    is_clear = errors_apart(trials[0], stated) >= critical(len(trials[0].r_of_pattern), len(trials) - 1)
    if is_clear and left_of(trials[0]) <= UNEXPLAINED:
        return trials
    return [stated, *(one for one in trials if one is not stated)]


def _by_shadows(data: Dataset, search: Search) -> tuple[list[StartTrial], tuple[str, ...]]:
    """Trials about what the shadow of the sample tells, and a note of that; none where there is no shadow."""
    shadows = shadows_of(data)
    fits = shadow_fits(shadows) if shadows is not None else []
    if search.placings is not None:
        fits = [fit for fit in fits if Placing.of(fit.turn).orientation in _with_twins(search.placings)]
    if shadows is None or not fits or np.nanmean(fits[0].each) < ALIKE:
        return [], ("no shadow of the sample is seen to move with the scan",)
    if is_near_field(fits[0], data):
        return [], ("the shadow of the sample moves as in a beam that is wider than the window",)
    best = refined_fit(shadows, fits[0])
    square = shadows.fit(best.mirrored, round(best.angle / QUARTER) * QUARTER, best.width)
    others = [fit for fit in fits if fit.mirrored != best.mirrored][: 0 if search.placings else 1]
    is_turned = abs(best.angle - square.angle) > SNAP
    candidates = _about(square, search, ABOUT) + (_about(best, search, ABOUT) if is_turned else [])
    candidates += [one for other in others for one in _about(other, search, (1.0,))]
    trials = search.tried(_different(candidates), SECOND)
    if trials[0].candidate.placing.is_turned:
        trials = ranked([*trials, *search.tried(_turned_about(trials[0]), SECOND)])
    best_place = trials[0].candidate.placing
    note = (
        f"the shadow of the sample moves with the scan as behind {abs(best.width):.0f} pixels of beam, positions "
        f"{best_place.text} (correlation {np.nanmean(best.each):.2f} of neighbours)"
    )
    return trials, (note,)


def _with_twins(placings: Sequence[Placing]) -> set[int]:
    return {code for one in placings for code in (one.orientation, one.twin.orientation)}


def _about(fit: ShadowFit, search: Search, times: Sequence[float]) -> list[StartCandidate]:
    """Pupils about a fit, in the placing that a person said or that is nearer to that of the file."""
    near, optics = _nearer(fit, search), Optics(search.parts.fitted)
    spreads = [optics.spread_of(near.width * part) for part in times]
    return list(pupils(search.parts.fitted, [Placing.of(near.turn)], spreads))


def _different(candidates: Iterable[StartCandidate]) -> list[StartCandidate]:
    """The candidates, each once."""
    return list({(one.text, one.placing): one for one in candidates}.values())


def _turned_about(trial: StartTrial) -> list[StartCandidate]:
    """The same start with the scan turned a little more or less."""
    one = trial.candidate
    return [
        one._replace(placing=one.placing._replace(rotation=one.placing.rotation + sign * angle))
        for angle in FINER
        for sign in (1, -1)
    ]


def _nearer(fit: ShadowFit, search: Search) -> ShadowFit:
    """Of a fit and its twin the one whose orientation a person said, or else that of the smaller number."""
    said = {one.orientation for one in search.placings or ()}
    return min(
        fit, fit.twin, key=lambda one: (Placing.of(one.turn).orientation not in said, Placing.of(one.turn).orientation)
    )


def _beside_openings(trials: list[StartTrial], search: Search) -> list[StartTrial]:
    """Trials about what shadows tell; where these leave much, with those of pinholes, which cast shadows too."""
    if left_of(trials[0]) <= LITTLE:
        return trials
    place = trials[0].candidate.placing
    return ranked([*trials, *search.tried(openings(search.parts.fitted, [place]), SECOND)])


def _by_families(search: Search) -> list[StartTrial]:
    """Trials of all families: as the file says that the scan lies, and then in the other orientations."""
    first = search.placings[0] if search.placings else Placing()
    trials = search.tried(_all_families(search, [first]), FIRST)
    if search.placings is not None:
        return trials
    others = [one for one in HANDS if one != first]
    trials = ranked([*trials, *search.tried(_elsewhere(trials[:FEW], others), FIRST)])
    if _stands_out(trials, first) or not search.budget.allows(0.0):
        return trials
    several = list(_kinds(trials).values())[:2]
    places = _elsewhere(several, HANDS)
    trials = [*search.tried(places, LONG), *trials]
    if left_of(trials[0]) <= UNEXPLAINED or not search.budget.allows(0.0):
        return trials
    done = {(one.candidate.text, one.candidate.placing) for one in trials}
    more = [one for one in _all_families(search, others) if (one.text, one.placing) not in done]
    return ranked([*trials, *search.tried(more, FIRST)])


def _stands_out(trials: Sequence[StartTrial], place: Placing) -> bool:
    """Whether the best trial explains much, lies in this placing, and no other placing comes near."""
    rest = next((trial for trial in trials if trial.candidate.placing != place), None)
    if rest is None or trials[0].candidate.placing != place or left_of(trials[0]) > UNEXPLAINED:
        return False
    return errors_apart(trials[0], rest) >= critical(len(rest.r_of_pattern), len(trials))


def _elsewhere(trials: Iterable[StartTrial], places: Iterable[Placing]) -> list[StartCandidate]:
    """The starts of some trials with the scan in other placings."""
    return _different(one.candidate._replace(placing=place) for one in trials for place in places)


def _kinds(trials: Sequence[StartTrial]) -> dict[tuple[str, int, int], StartTrial]:
    """The best trial of each kind, the best first."""
    found: dict[tuple[str, int, int], StartTrial] = {}
    for trial in ranked(trials):
        found.setdefault(_kind(trial), trial)
    return found


def _all_families(search: Search, placings: Sequence[Placing]) -> list[StartCandidate]:
    data = search.parts.fitted
    optics = Optics(data)
    spreads = [optics.spread_of(width * sign) for width in WIDTHS for sign in ((1, -1) if width else (1,))]
    found = [*pupils(data, placings, spreads), *openings(data, placings)]
    fwhm, _ = as_wide_as_speckles(data)
    return [*found, *(speckles(data, placings, fwhm) if math.isfinite(fwhm) else ())]


def _last_round(trials: Sequence[StartTrial], search: Search) -> list[StartTrial]:
    """The best of each kind once more, for longer, before all others."""
    if trials[0].epochs >= LONG:
        return list(trials)
    several = list(_kinds(trials).values())[:FEW]
    again = search.tried([trial.candidate for trial in several], LAST)
    return [*again, *(one for one in trials if not any(one is other for other in several))]
