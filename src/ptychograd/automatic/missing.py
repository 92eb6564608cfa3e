"""What a run above the noise lacks: parts of the model, tried from its state and judged by held-out patterns."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from ptychograd.automatic.budget import Budget, Tried
from ptychograd.automatic.orientation.preference import critical
from ptychograd.automatic.parts import OFFSETS, PLACED, Part, next_modes, parts_for, together, unsaid
from ptychograd.core.parameters import named_parameters
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.reconstruction import require_whole
from ptychograd.fitting.result import NonFiniteError, Result
from ptychograd.fitting.verdict import AT_NOISE, LATTICE, NOT_SOLVED, VERDICT, causes_of
from ptychograd.models.continuing import EarlierResult, continued
from ptychograd.physics.model import AbstractModel
from ptychograd.refinement.positions import held_out_misfits, own_parameters, with_per_pattern
from ptychograd.runs.held_out import parted, with_search_and_validation
from ptychograd.runs.plan.effects.assembling import assembled
from ptychograd.runs.plan.making import make_run
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.solvers import make_solver
from ptychograd.runs.plan.start import plain_model
from ptychograd.runs.run import perform
from ptychograd.runs.stage import Run

EPOCHS = 12  # of a trial
LEAST = 0.003  # of R, that a part has to gain
FURTHER = 0.02  # of R, that placed positions have to gain beside those that are only refined
SURELY = 0.2  # of R, from which on placed positions are taken before anything else is tried
SHARE = 0.5  # of the time left, for the final run


class State(NamedTuple):
    """Where the search stands: the plan, the result of its run, and what was tried."""

    plan: Plan
    result: Result
    tried: tuple[Tried, ...] = ()
    notes: tuple[str, ...] = ()


class Trials(NamedTuple):
    """How trials are made and judged.

    Args:
        made: the result of a plan, data, the state that it begins with, and whether it is about positions; None if it
            diverged.
        gain: of a plan, data, the trial of it, and one without what it adds.
    """

    made: "Callable[[Plan, Dataset, State, bool], Result | None]"
    gain: "Callable[[Plan, Dataset, Result, Result], Gain | None]"


@meant
def look_for_missing(
    state: State, data: Dataset, budget: Budget, said: Sequence[str] = (), trials: Trials | None = None
) -> State:
    """What pays, put into the plan one after another, in the order of what pays most.

    Every part is tried from the present state for some epochs, beside the same epochs without it. It pays where the
    held-out patterns are expected better, pattern by pattern, by as many standard errors as tell one of so many trials
    from chance, and R by 0.3 % at least. If several pay, all of these are tried together; unless that pays beside the
    best of them, this one goes on alone, and the others are tried again beside it. Positions that are far off come
    first: where placed ones gain 20 % of R, nothing else is tried before they are taken.

    Args:
        state: a plan that holds out patterns, and the result of its run.
        data: all patterns.
        budget: of which half is left for the final run.
        said: fields that a person said, which are left as they are.
        trials: how they are made; 12 epochs, judged by held-out patterns, by default.

    Returns:
        the plan with what pays, the result of the last trial, and what was tried.
    """
    begin, until = time.monotonic(), budget.share(SHARE)
    is_far = state.result.settings.get(VERDICT, {}).get("code") == NOT_SOLVED
    parts = unsaid(parts_for(state.plan, data, is_far), said)
    while parts and not is_at_noise(state.result):
        each = (time.monotonic() - begin) / max(1, len(state.tried))
        if not until.allows(each * (len(parts) + 1)):
            return state._replace(notes=(*state.notes, "time ended before all that may be missing was tried"))
        state, paid = _round(state, data, parts, trials or Trials(_trial, _gain))
        if not paid:
            break
        if paid[0].about == PLACED:  # nothing else could show before
            parts = unsaid(parts_for(state.plan, data), said)
            continue
        others = (part for part in paid[1:] if part.about != paid[0].about and part.put_into(state.plan) != state.plan)
        parts = [*next_modes(state.plan, paid), *others]
    return state


def is_at_noise(result: Result) -> bool:
    """Whether the verdict on a result is that it is at the noise."""
    return result.settings.get(VERDICT, {}).get("code") == AT_NOISE


class Paid(NamedTuple):
    """A part with which held-out patterns are expected better, the plan with it, its trial, and by how much."""

    part: Part
    plan: Plan
    trial: Result
    gain: "Gain"

    @property
    def text(self) -> str:
        """What is said of it."""
        r_factors = f"R of held-out patterns {self.gain.r_factor:.4f} in place of {self.gain.without:.4f}"
        return f"{self.part.name} pays: {r_factors}, {self.gain.errors:.1f} standard errors"

    def with_rows(self, data: Dataset) -> Result:
        """The trial with what was found of held-out patterns' own, from which later trials begin."""
        held, trial, rows = parted(self.plan, data)[1], self.trial, self.gain.rows
        if held is None or trial.model is None or not rows:
            return trial
        model = with_per_pattern(trial.model, held, rows)
        arrays = {path: np.asarray(named_parameters(model)[path]) for path in rows}
        return trial._replace(model=model, arrays=trial.arrays | arrays)


class Round(NamedTuple):
    """One round of trials: what it began with, as many epochs without any part, and how many parts are tried.

    Args:
        state: from which all trials begin.
        data: all patterns.
        plain: the trial without any part.
        count: of parts.
        trials: how they are made.
    """

    state: State
    data: Dataset
    plain: Result
    count: int
    trials: Trials

    def tried(self, part: Part) -> tuple[Paid | None, bool]:
        """A trial of a part, None if it ended without one, and whether it pays."""
        plan = part.put_into(self.state.plan)
        trial = self.trials.made(plan, self.data, self.state, part.about in (OFFSETS, PLACED))
        gain = None if trial is None else self.trials.gain(plan, self.data, trial, self.plain)
        if trial is None or gain is None:
            return None, False
        pays = bool(gain.errors >= critical(gain.count, self.count) and gain.share >= LEAST)
        return Paid(part, plan, trial, gain), pays and LATTICE not in causes_of(trial)


def _round(state: State, data: Dataset, parts: Sequence[Part], trials: Trials) -> tuple[State, list[Part]]:
    """One trial of each part beside one without any; the state with the best that paid, and all that paid."""
    plain = trials.made(state.plan, data, state, False)
    if plain is None:
        return state, []
    this, found, paid = Round(state, data, plain, len(parts), trials), [], []
    for part in sorted(parts, key=lambda part: part.about != PLACED):
        one, pays = this.tried(part)
        found += [one] if one else []
        paid += [one] if one and pays else []
        if one and pays and part.about == PLACED and one.gain.share >= SURELY:
            break
    paid = sorted(paid, key=lambda one: one.gain.r_factor * (1 + FURTHER * (one.part.about == PLACED)))
    rows = [_row(one, bool(paid) and one is paid[0]) for one in found]
    if not paid:
        return state._replace(tried=(*state.tried, *rows)), []
    chosen, all_paid = paid[0], _together(this, paid)
    if all_paid:
        chosen, rows = all_paid, [*rows, _row(all_paid, True)]
    notes = (*state.notes, chosen.text)
    return State(chosen.plan, chosen.with_rows(data), (*state.tried, *rows), notes), [one.part for one in paid]


def _together(this: Round, paid: Sequence[Paid]) -> Paid | None:
    """All parts that paid, if they pay beside the best of them; of wrong positions others may be signs only."""
    parts = [one.part for one in paid]
    if len(parts) < 2 or {OFFSETS, PLACED} & {part.about for part in parts}:
        return None
    found, pays = this._replace(plain=paid[0].trial, count=1).tried(together(parts))
    return found if pays else None


class Gain(NamedTuple):
    """How much better held-out patterns are expected with a part than without it, and what is their own with it."""

    r_factor: float
    without: float
    errors: float
    count: int
    rows: Mapping[str, np.ndarray]

    @property
    def share(self) -> float:
        """Of R."""
        return 1 - self.r_factor / self.without


def _row(one: Paid, is_chosen: bool) -> Tried:
    return Tried("missing", one.part.name, one.gain.r_factor, one.gain.errors, EPOCHS, is_chosen)


def _gain(plan: Plan, data: Dataset, trial: Result, plain: Result) -> Gain | None:
    """What the held-out patterns say of both, with numbers of their own looked for alike."""
    held = parted(plan, data)[1]
    if held is None or trial.model is None or plain.model is None:
        return None
    own = own_parameters(trial.model, plan.fit.refine, held) if plan.fit.refine else {}
    known = own.keys() <= named_parameters(plain.model).keys()
    other = plain.model if known else start_from(plan, data, plain)
    one, without = (held_out_misfits(model, held, None, own) for model in (trial.model, other))
    ratio = np.log(np.maximum(without.residual, 1e-30) / np.maximum(one.residual, 1e-30)) / 2
    error = float(np.std(ratio, ddof=1)) / np.sqrt(len(ratio)) if len(ratio) > 1 else np.inf
    errors = float(np.mean(ratio)) / max(error, 1e-12)
    return Gain(one.r_factor, without.r_factor, errors, len(ratio), one.per_pattern)


def _trial(plan: Plan, data: Dataset, state: State, is_of_positions: bool) -> Result | None:
    """Some epochs of a plan from where the search stands; None if they diverged.

    Positions are searched beyond their gradients only in a trial that is of them.
    """
    plan = plan if is_of_positions else plan.with_fields({"validation.position_search": False})
    try:
        return require_whole(perform(run_from(plan, data, state, EPOCHS)))
    except NonFiniteError:
        return None


def run_from(plan: Plan, data: Dataset, state: State, epochs: int) -> Run:
    """A run of a plan that begins with object, probe and positions of a state; what that has placed stays there.

    One that places positions for the first time begins with the start of the plan: a beam that was fitted at positions
    that are far off is wrong, and holograms need its phase.
    """
    short = plan.with_fields({"fit.epochs": epochs, "fit.refine_after": 0, "validation.position_test": False})
    is_placed = state.plan.model.positions.placed_within is not None
    if plan.model.positions.placed_within is not None and not is_placed:
        fitted, held = parted(short, data)
        return with_search_and_validation(short, make_run(short, fitted), held)
    short = short if data.rocking_curve else short.with_fields({"fit.hold_probe": 0})
    fitted, held = parted(short, data)
    model, solver = start_from(short, fitted, state.result), make_solver(short)
    size = short.fit.batch_size or solver.suited_batch_size(fitted)
    run = Run(model, fitted, solver, short.make_stages(fitted, model), size, short.seed)
    return with_search_and_validation(short.with_fields({PLACED: None}), run, held)


def start_from(plan: Plan, data: Dataset, earlier: Result) -> AbstractModel:
    """The model of a plan with object, probe and positions of an earlier result."""
    begun = partial(_begun, data, EarlierResult(earlier.roles, earlier.positions))
    return assembled(plain_model(plan, data), data, plan.model, plan.fit.refine, begun)


def _begun(data: Dataset, earlier: EarlierResult, model: AbstractModel) -> AbstractModel:
    return continued(model, data, earlier)[0]
