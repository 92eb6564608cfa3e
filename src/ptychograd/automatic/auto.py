"""From any file to a result of which is said how far it is to be trusted, with nothing said beforehand."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ptychograd.automatic.beginning import Beginning, beginning_of, doubts_of_sign, other_beginning
from ptychograd.automatic.budget import Budget, Tried
from ptychograd.automatic.few_photons import evidence_at_few_photons
from ptychograd.automatic.halves import halves_share, with_halves
from ptychograd.automatic.missing import State, look_for_missing
from ptychograd.automatic.start.shadow_distance import as_near_field
from ptychograd.automatic.start.trials import Tell
from ptychograd.automatic.under_way import AUTO, is_under_way, under_way
from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.log import log
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset, StreamFromFile
from ptychograd.data.patterns import illuminated_positions
from ptychograd.data.preparation.guesses import guess_preparation
from ptychograd.fitting.reconstruction import CUT_SHORT, Progress, require_whole
from ptychograd.fitting.result import Result
from ptychograd.fitting.verdict import LATTICE, NOT_SOLVED, UNTOLD, VERDICT, causes_of
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.preparation import preparation_of
from ptychograd.runs.plan.quantities import quantity
from ptychograd.runs.plan.reading import as_in_file, prepared, tell
from ptychograd.runs.planned import PlannedRun
from ptychograd.runs.setting_names import FINGERPRINT, HELD_OUT

HELD, MOST_HELD, LEAST_HELD = 16, 0.15, 0.05  # patterns that judge, and shares of all
SEARCH = 0.4  # of the time, for the start
LONGER = 2  # times the epochs, where the misfit still fell
DISTINGUISHED = 20  # epochs of each of several starts that trials could not tell apart
NEARLY = 0.1  # of what can be explained: a run that leaves no more has an image
LATER = 1.002  # times R of held-out patterns, up to which the last run is as good as the first

UNSAID = {  # fields of a start, as they are by themselves
    "model.start.probe": None,
    "model.start.pinhole": None,
    "model.start.focal_spot": None,
    "model.start.defocus": 0.0,
    "data.orientation": 0,
    "data.prepare.rotate_scan": 0.0,
}

Perform = Callable[[Plan, Dataset, Mapping], Result]


class Asked(NamedTuple):
    """What an automatic run is asked for, and what it tells.

    Args:
        plan: what a person said.
        raw: the data, as they are before anything is done to them.
        budget: of time.
        perform: does a run of a plan with its data; its results have these settings beside their own.
        on_trial: is called with each trial of a start.
        resume: the result so far of a run that was interrupted, from which `perform` goes on first.
    """

    plan: Plan
    raw: Dataset
    budget: Budget
    perform: Perform
    on_trial: Tell | None = None
    resume: Result | None = None

    @property
    def said(self) -> tuple[str, ...]:
        """Paths of the fields that a person said."""
        return self.plan.said_fields

    def read(self, plan: Plan) -> Dataset:
        """The data of a plan."""
        distance, raw = plan.geometry.focus_distance, self.raw
        if plan.model.kind == "near-field" and distance and not raw.near_field:
            raw = as_near_field(raw, distance)
        return prepared(raw, plan.data)


@meant
def auto(
    data: Dataset | str | Path | Sequence[str | Path],
    plan: Plan | None = None,
    *,
    time: float | str | None = "10min",
    perform: Perform | None = None,
    on_trial: Tell | None = None,
    on_epoch: Callable[[Progress], None] | None = None,
    keep: StreamFromFile | None = None,
    resume: Result | None = None,
) -> Result:
    """Reconstruct data of which nothing is said: prepare them, find the start, run, look for what is missing, judge.

    What a plan says is not searched. Each decision is a sentence in the log and in `settings["auto"]["notes"]` of the
    result, and what was tried stands with its held-out figures in `settings["auto"]["tried"]`; the plan that makes the
    result again is `Plan.of_result(result)`. The verdict says "at_noise" or "near_noise" only where two halves of the
    patterns share the image.

    Args:
        data: a dataset, or files of one scan.
        plan: what is known; by default nothing.
        time: seconds, or a text as "10min": when it is over, what can be left out is; None for no bound.
        perform: does a run of a plan with its data, in place of `PlannedRun`, as to show and save it meanwhile. It is
            also given what its results are to have in their settings, so that what is interrupted can go on.
        on_trial: is called with each trial of a start.
        on_epoch: is called with a `Progress` after each epoch of a run.
        keep: when patterns stay in their file; by default they are all read.
        resume: the result of an automatic run that was interrupted, to go on from, with its plan unless one is given;
            no start is looked for again.

    Returns:
        the result; one whose run was interrupted goes on by its plan.

    Raises:
        InputError: data that can't be read, or a plan that does not go with them.

    Example:
        result = pg.auto("scan.h5")
        print(result.settings["verdict"]["code"], *result.settings["auto"]["notes"], sep="\\n")
    """
    check_kind(plan or Plan(), Plan, "plan")
    if resume is not None:
        check_kind(resume, Result, "resume")
    seconds = quantity(time, "s") if time is not None else None
    plan = plan or (Plan() if resume is None else Plan.of_result(resume))
    budget = Budget.of(seconds)
    if not isinstance(data, Dataset):
        files = [data] if isinstance(data, str | Path) else list(data)
        plan = plan.with_fields({"data.paths": tuple(map(str, files))}) if files else plan
    plan.check()
    raw = data
    if not isinstance(raw, Dataset):
        raw = as_in_file(plan, keep)
        tell(plan, raw)
    return _followed(Asked(plan, raw, budget, perform or _performing(on_epoch, resume), on_trial, resume))


def _performing(on_epoch: Callable[[Progress], None] | None, resume: Result | None) -> Perform:
    begun = iter([resume])  # the first run alone goes on from it

    def perform(plan: Plan, data: Dataset, settings: Mapping) -> Result:
        so_far = next(begun, None)
        planned = PlannedRun.of(plan, data, resume=so_far)
        result = planned.validated(planned.perform(on_epoch, so_far))
        return result._replace(settings={**result.settings, **settings})

    return perform


class Begun(NamedTuple):
    """Where an automatic run stands before its run of all epochs.

    Args:
        ready: the plan with what was prepared, and no start.
        plan: of the run.
        data: of that plan.
        notes: what was decided so far, to which more is added.
        tried: what was tried so far.
    """

    ready: Plan
    plan: Plan
    data: Dataset
    notes: list[str]
    tried: tuple[Tried, ...]


def _gone_on(asked: Asked, resume: Result) -> Begun:
    """As far as the run was that was interrupted."""
    if not is_under_way(resume.settings):
        raise InputError("`resume` is of no automatic run that has more to do; `reconstruct` goes on from others.")
    data, before = asked.read(asked.plan), resume.settings[AUTO]
    if resume.settings.get(FINGERPRINT) not in (None, data.fingerprint):
        raise InputError(f"{data.source} holds other data than the run began with; give those (`--data`).")
    return Begun(asked.plan, asked.plan, data, list(before["notes"]), tuple(map(Tried.of, before["tried"])))


def _begun(asked: Asked) -> Begun:
    """Data prepared, a start found, and what is known of few photons."""
    notes: list[str] = []
    ready = plan = _tell(notes, *prepared_plan(asked))
    data = asked.read(plan)
    begin = beginning_of(plan, data, asked.said, asked.on_trial, asked.budget.share(SEARCH))
    plan = _tell(notes, plan.with_fields(begin.fields), begin.notes)
    if begin.fields:
        data = asked.read(plan)
    plan = with_held_out(plan, data)
    plan, tried = _distinguished(asked, plan, data, begin, notes)
    if begin.others:  # the scan of the best may lie otherwise
        data = asked.read(plan)
    plan, more = _tell_more(notes, *evidence_at_few_photons(plan, data, asked.budget, asked.said))
    return Begun(ready, plan, data, notes, (*tried, *more))


def _followed(asked: Asked) -> Result:
    """All steps, one after another."""
    ready, plan, data, notes, tried = _begun(asked) if asked.resume is None else _gone_on(asked, asked.resume)
    result = asked.perform(plan, data, under_way(notes, tried))
    state = State(plan, result, tried)
    if result.stopped not in CUT_SHORT:
        state = _completed(asked, state, data, notes)
        state, data = _with_other_start(asked, ready, state, data, notes)
    return _finished(state, data, notes)


def _tell(notes: list[str], plan: Plan, found: Sequence[str]) -> Plan:
    """The plan, after its notes were logged."""
    for note in found:
        log.info(note)
    notes += found
    return plan


def _tell_more(
    notes: list[str], plan: Plan, found: Sequence[str], tried: tuple[Tried, ...]
) -> tuple[Plan, tuple[Tried, ...]]:
    return _tell(notes, plan, found), tried


def prepared_plan(asked: Asked) -> tuple[Plan, list[str]]:
    """The plan with what data show beyond doubt to be needed before anything else, and a note of each."""
    plan = asked.plan
    data, notes = asked.read(plan), []
    for guess in guess_preparation(data, preparation_of(plan.data.prepare)):
        fields = {path: value for path, value in guess.in_plan.items() if path not in asked.said}
        if len(fields) == len(guess.in_plan):
            plan = plan.with_fields(fields)
            notes.append(f"prepared: {guess.text}")
    return plan, notes


def with_held_out(plan: Plan, data: Dataset) -> Plan:
    """The plan with some patterns held out, unless it says how many."""
    count = len(illuminated_positions(data))
    if plan.validation.hold_out is not None or count < 2:
        return plan
    share = float(np.clip(HELD / count, LEAST_HELD, MOST_HELD))
    return plan.with_fields({"validation.hold_out": round(max(share, 1 / count), 4)})


def _distinguished(
    asked: Asked, plan: Plan, data: Dataset, begin: Beginning, notes: list[str]
) -> tuple[Plan, tuple[Tried, ...]]:
    """The plan with that of several starts which expects held-out patterns best after some epochs of all data."""
    if not begin.others or not asked.budget.allows(0.0):
        return plan, begin.tried
    ways = [("the best start of the trials", begin.fields), *begin.others]
    found = []
    for text, fields in ways:
        other = plan.with_fields({**UNSAID, **fields})
        there = asked.read(other)
        planned = PlannedRun.of(other.with_fields({"fit.epochs": DISTINGUISHED}), there)
        held_out = planned.validated(require_whole(planned.perform())).settings.get(HELD_OUT, np.inf)
        found.append((held_out, text, other))
    best = min(found, key=lambda one: one[0])
    rows = [Tried("start", text, r, None, DISTINGUISHED, text == best[1]) for r, text, _ in found]
    text = (
        f"of {len(found)} starts that short trials could not tell apart, {best[1]} is best after {DISTINGUISHED} epochs"
    )
    return _tell(notes, best[2], [text]), (*begin.tried, *rows)


def _completed(asked: Asked, state: State, data: Dataset, notes: list[str]) -> State:
    """What is missing put in, and the run made anew with it, if that is better."""
    first = state = _without_lattice(asked, state, data, notes)
    state = look_for_missing(state, data, asked.budget, asked.said)
    _tell(notes, state.plan, state.notes)
    plan = _longer(state.plan, first.result)
    if plan == first.plan:
        return state._replace(result=first.result)
    if asked.budget.left < 0:
        _tell(notes, plan, ["time ended before the run was made anew with what was found; the plan has it"])
        return state._replace(result=first.result, plan=plan)
    result = asked.perform(plan, data, under_way(notes, state.tried))
    if result.stopped in CUT_SHORT or _held_out(result) <= LATER * _held_out(first.result):
        return state._replace(result=result, plan=plan)
    _tell(notes, plan, ["the run with what was found expects held-out patterns no better; the one before is kept"])
    return state._replace(result=first.result, plan=first.plan)


def _with_other_start(
    asked: Asked, ready: Plan, state: State, data: Dataset, notes: list[str]
) -> tuple[State, Dataset]:
    """A run that begins with another probe than that of the file, where this one led to no image, and its data.

    The plan that it begins from is `ready`: what was prepared is in it, and no start.
    """
    begun_by_file = data.probe is not None and not any(path.startswith("model.start.") for path in asked.said)
    if (
        _has_image(state.result)
        or not begun_by_file
        or state.result.stopped in CUT_SHORT
        or not asked.budget.allows(0.0)
    ):
        return state, data
    _tell(notes, state.plan, ["the probe of the file led to no image, so another start is looked for"])
    there = asked.read(ready)
    begin = other_beginning(ready, there, asked.said, asked.on_trial, asked.budget.share(SEARCH))
    plan = _tell(notes, with_held_out(ready.with_fields(begin.fields), there), begin.notes)
    tried = (*state.tried, *begin.tried)
    if not begin.fields:
        return state._replace(tried=tried), data
    there = asked.read(plan)
    other = _completed(asked, State(plan, asked.perform(plan, there, under_way(notes, tried)), tried), there, notes)
    if other.result.stopped in CUT_SHORT or _held_out(other.result) < _held_out(state.result):
        return other, there
    _tell(notes, state.plan, ["it expects held-out patterns no better; the run with the probe of the file is kept"])
    return state._replace(tried=other.tried), data


def _has_image(result: Result) -> bool:
    """Whether it explains nearly all that can be explained, if not down to the noise, and by more than fitted noise."""
    verdict = result.settings.get(VERDICT, {})
    if verdict.get("code") != NOT_SOLVED:
        return True
    left = verdict.get("left")
    return left is not None and left <= NEARLY and UNTOLD not in causes_of(result)


def _without_lattice(asked: Asked, state: State, data: Dataset, notes: list[str]) -> State:
    """A run of all patterns at once in the place of one that took up the lattice of its scan, if that has none."""
    if LATTICE not in causes_of(state.result) or "fit.batch_size" in asked.said or asked.budget.left < 0:
        return state
    plan = state.plan.with_fields({"fit.batch_size": len(illuminated_positions(data))})
    result = asked.perform(plan, data, under_way(notes, state.tried))
    if LATTICE in causes_of(result):
        _tell(notes, plan, ["object and probe carry the lattice of the scan, with all patterns in a batch too"])
        return state
    _tell(notes, plan, ["with all patterns in a batch, as object and probe took up the lattice of the scan before"])
    return state._replace(plan=plan, result=result)


def _longer(plan: Plan, result: Result) -> Plan:
    """The plan with more epochs, where the loss still fell at the end."""
    if "too_few_epochs" not in causes_of(result) or plan.fit.epochs is not None:
        return plan
    return plan.with_fields({"fit.epochs": LONGER * result.history.epochs})


def _held_out(result: Result) -> float:
    return float(result.settings.get(HELD_OUT, np.inf))


def _finished(state: State, data: Dataset, notes: list[str]) -> Result:
    """The result with the sign of its matter, what halves say of it, all notes, and the table of what was tried."""
    result = state.result
    if result.stopped not in CUT_SHORT:
        verdict = result.settings.get(VERDICT, {}).get("code")
        if verdict not in (None, NOT_SOLVED):  # also where time is over: no image is called sure without it
            shared = halves_share(state.plan, data, result)
            result = with_halves(result, shared)
            _tell(notes, state.plan, [shared.summary])
        _tell(notes, state.plan, list(doubts_of_sign(result, data)))
    return result._replace(settings=result.settings | under_way(notes, state.tried, result.stopped in CUT_SHORT))
