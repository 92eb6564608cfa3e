"""What may be missing: what is tried first, what is tried together, and from where later trials begin."""

import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.automatic.budget import Budget
from ptychograd.automatic.missing import Gain, Paid, State, Trials, look_for_missing
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


class Tries:
    """Trials that end at once with R as `misfit` says it of what is in the plan, and what was tried."""

    def __init__(self, misfit):
        self.misfit, self.seen, self.of_positions = misfit, [], {}

    def made(self, plan, data, state, is_of_positions):
        said = said_of(plan)
        self.seen.append(said)
        self.of_positions.setdefault(frozenset(said), is_of_positions)
        return Result({}, {}, History.empty(), {"said": said})

    def gain(self, plan, data, trial, plain):
        one, other = self.misfit(trial.settings["said"]), self.misfit(plain.settings["said"])
        return Gain(one, other, 100 * (1 - one / other), 16, {})

    def looked(self, data, plan=None):
        """What is found from a run that is far from the data."""
        result = Result({}, {}, History.empty(), {"verdict": {"code": "not_solved", "causes": []}})
        return look_for_missing(
            State(plan or pg.Plan(), result), data, Budget.of(None), (), Trials(self.made, self.gain)
        )


def test_nothing_else_is_tried_before_positions_that_gain_much(scan):
    tries = Tries(lambda said: 0.2 if PLACED not in said else 0.1 - 0.05 * (BACKGROUND in said))
    found = tries.looked(scan)
    assert tries.seen[:3] == [set(), {PLACED, OFFSET}, {PLACED, OFFSET}]
    assert tries.of_positions[frozenset({PLACED, OFFSET})] is True
    assert tries.of_positions[frozenset({PLACED, OFFSET, BACKGROUND})] is False
    assert said_of(found.plan) == {PLACED, OFFSET, BACKGROUND}


def test_positions_that_gain_little_are_compared_with_all_others(scan):
    tries = Tries(lambda said: 0.2 - 0.03 * (OFFSET in said) + 0.001 * (PLACED in said))
    assert said_of(tries.looked(scan).plan) == {OFFSET}
    assert tries.seen[1] == {PLACED, OFFSET}
    assert tries.of_positions[frozenset({OFFSET})] is True


def test_parts_that_pay_are_tried_together(scan):
    parts = {MODES: 0.7, BACKGROUND: 0.8, POINT_SPREAD: 0.9}
    tries = Tries(lambda said: float(np.prod([parts.get(part, 1.0) for part in said])))
    found = tries.looked(scan)
    assert said_of(found.plan) == set(parts)
    assert "2 modes of the probe with a background with a point spread pays" in found.notes[0]
    assert [row.is_chosen for row in found.tried if row.what.count(" with ") == 2] == [True]


def test_of_parts_that_show_the_same_only_one_goes_in(scan):
    tries = Tries(lambda said: 0.5 if {BACKGROUND, POINT_SPREAD} & said else 1.0)
    assert said_of(tries.looked(scan).plan) == {BACKGROUND}


def test_what_wrong_positions_look_like_is_not_tried_together_with_them(scan):
    tries = Tries(lambda said: 0.5 if OFFSET in said else 0.9 if {INTENSITY, MODES} & said else 1.0)
    found = tries.looked(scan, pg.Plan(model={"positions": {"placed_within": 4}}))
    assert said_of(found.plan) == {PLACED, OFFSET}
    assert not any({OFFSET, INTENSITY, MODES} <= one for one in tries.seen)


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
