"""What may be missing: what is tried first, what is tried together, and from where later trials begin."""

import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.automatic import missing
from ptychograd.automatic.budget import Budget
from ptychograd.automatic.missing import Gain, Paid, State, look_for_missing
from ptychograd.automatic.parts import Part
from ptychograd.fitting.result import History, Result

MODES, BACKGROUND, INTENSITY = "model.probe.modes", "detector.background", "probe.intensity"
POINT_SPREAD, OFFSET, PLACED = "detector.point_spread.width", "scan.offset", "model.positions.placed_within"


@pytest.fixture(scope="module")
def scan():
    return problems.measurement()


def said_of(plan):
    """What of the parts is in a plan."""
    return {*plan.fit.refine, *([MODES] if plan.model.probe.modes > 1 else [])} | (
        {PLACED} if plan.model.positions.placed_within else set()
    )


@pytest.fixture
def trials(monkeypatch):
    """Trials that end at once with R as `misfit` says it of what is in the plan, and a list of what was tried."""
    seen, searched = [], {}

    def use(misfit):
        def trial(plan, data, state, is_of_positions=False):
            seen.append(said_of(plan))
            searched.setdefault(frozenset(said_of(plan)), is_of_positions)
            return Result({}, {}, History.empty(), {"said": said_of(plan)})

        def gain(plan, data, trial, plain):
            one, other = misfit(trial.settings["said"]), misfit(plain.settings["said"])
            return Gain(one, other, 100 * (1 - one / other), 16, {})

        monkeypatch.setattr(missing, "_trial", trial)
        monkeypatch.setattr(missing, "_gain", gain)
        return seen, searched

    return use


def far_from_the_data():
    return State(pg.Plan(), Result({}, {}, History.empty(), {"verdict": {"code": "not_solved", "causes": []}}))


def test_nothing_else_is_tried_before_positions_that_gain_much(trials, scan):
    seen, searched = trials(lambda said: 0.2 if PLACED not in said else 0.1 - 0.05 * (BACKGROUND in said))
    found = look_for_missing(far_from_the_data(), scan, Budget.of(None))
    assert seen[:3] == [set(), {PLACED, OFFSET}, {PLACED, OFFSET}]
    assert searched[frozenset({PLACED, OFFSET, BACKGROUND})] is False
    assert said_of(found.plan) == {PLACED, OFFSET, BACKGROUND}


def test_positions_that_gain_little_are_compared_with_all_others(trials, scan):
    seen, searched = trials(lambda said: 0.2 - 0.1 * (OFFSET in said) + 0.001 * (PLACED in said))
    found = look_for_missing(far_from_the_data()._replace(plan=pg.Plan(fit={"epochs": 5})), scan, Budget.of(None))
    assert seen[1] == {PLACED, OFFSET}
    assert said_of(found.plan) == {PLACED, OFFSET}  # 49.5 % are taken at once
    seen, searched = trials(lambda said: 0.2 - 0.03 * (OFFSET in said) + 0.001 * (PLACED in said))
    found = look_for_missing(far_from_the_data(), scan, Budget.of(None))
    assert said_of(found.plan) == {OFFSET}
    assert searched[frozenset({OFFSET})] is True


def test_parts_that_pay_are_tried_together(trials, scan):
    parts = {MODES: 0.7, BACKGROUND: 0.8, POINT_SPREAD: 0.9}
    seen, _ = trials(lambda said: float(np.prod([parts.get(part, 1.0) for part in said])))
    found = look_for_missing(far_from_the_data(), scan, Budget.of(None))
    assert set(parts) in seen[: seen.index(set(parts)) + 1]
    assert said_of(found.plan) == set(parts)
    assert len([one for one in seen if one == set(parts)]) >= 1
    assert "2 modes of the probe with a background with a point spread pays" in found.notes[0]
    assert [row.is_chosen for row in found.tried if row.what.count(" with ") == 2] == [True]


def test_of_parts_that_show_the_same_only_one_goes_in(trials, scan):
    trials(lambda said: 0.5 if {BACKGROUND, POINT_SPREAD} & said else 1.0)
    found = look_for_missing(far_from_the_data(), scan, Budget.of(None))
    assert said_of(found.plan) == {BACKGROUND}


def test_what_wrong_positions_look_like_is_not_tried_together_with_them(trials, scan):
    seen, _ = trials(lambda said: 0.5 if OFFSET in said else 0.9 if {INTENSITY, MODES} & said else 1.0)
    plan = pg.Plan(model={"positions": {"placed_within": 4}})
    found = look_for_missing(far_from_the_data()._replace(plan=plan), scan, Budget.of(None))
    assert said_of(found.plan) == {PLACED, OFFSET}
    assert not any({OFFSET, INTENSITY, MODES} <= one for one in seen)


def test_later_trials_begin_with_what_was_found_of_held_out_patterns(scan):
    plan = pg.Plan(fit={"refine": (OFFSET,)}, validation={"hold_out": 0.1})
    model = pg.models.with_refinable_positions(pg.far_field(scan), 4)
    _, held = pg.hold_out(scan, 0.1, plan.seed)
    places = np.flatnonzero(held.photons)
    rows = {OFFSET: np.full((len(places), 2), 1.5, np.float32)}
    gain = Gain(0.1, 0.2, 9.0, len(places), rows)
    result = Result.of(model, None, {}, History.empty(), {})._replace(model=model)
    found = Paid(Part("refined positions", {}, OFFSET), plan, result, gain).with_rows(scan)
    for offset in (found.arrays[OFFSET], np.asarray(found.model.scan.offset)):
        np.testing.assert_array_equal(offset[places], rows[OFFSET])
        assert not np.delete(offset, places, axis=0).any()
