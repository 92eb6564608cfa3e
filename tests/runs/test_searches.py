"""Searching for the best point: which points are tried, what is kept, what ends early, and what is refused."""

import math
import shlex
import sqlite3
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.runs import Range, searches
from ptychograd.runs import search as search_for
from ptychograd.runs.plan_sweep import file_name_of, held_out_alike, key_of, name_of
from ptychograd.runs.setting_names import HELD_OUT

DATA = problems.measurement(truth=None)
MODEL = problems.start_model(DATA)
PLAN = pg.Plan(data={"paths": "scan.h5"}, fit={"epochs": 9}, validation={"hold_out": 0.1})
SPACE = {
    "fit.batch_size": Range(2, 40, log=True),
    "fit.solver.momentum": Range(0.1, 0.9),
    "geometry.distance": Range("1 mm", "3 mm"),
    "fit.noise": ["amplitude", "poisson"],
}
LOOKS = (1, 3, 6)  # epochs after which held-out patterns are looked at, of nine


def bowl(point):
    """A figure with its smallest value at batches of 9, a momentum of 0.5 and the noise of amplitudes."""
    value = math.log(point.get("fit.batch_size", 9) / 9) ** 2 + (point.get("fit.solver.momentum", 0.5) - 0.5) ** 2
    return 0.1 + value + 0.2 * (point.get("fit.noise") == "poisson")


class Quick(pg.runs.PlanGrid):
    """Runs that take no time: R of held-out patterns is a function of the point, from the first epoch on."""

    def __init__(self, value=bowl, plan=PLAN, data=DATA):
        super().__init__(plan, lambda _: data, data)
        self.value, self.points = value, []

    def planned(self, point):
        self.points.append(dict(point))
        value = self.value(point)
        run = pg.Run(MODEL, DATA, pg.Nesterov(), (pg.Stage(9),), 8, monitor=lambda epochs, _: value)
        return SimpleNamespace(run=run, validated=lambda result: result)

    def run(self, point):
        return self.planned(point).run

    def whole(self, result, point):
        return result


def tried(runs, at_once, check):
    """In the place of `try_all`."""
    for name, run in runs.items():
        seen = [run.monitor(epochs, lambda: None) for epochs in LOOKS]
        history = pg.fitting.History((1.0,) * 9, (0.5,) * 9, (1.0,) * 9, (0.0,) * 9)
        yield name, pg.Result({}, {}, history, {"stopped": "all epochs done", HELD_OUT: seen[-1]})


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(searches, "try_all", tried)


def points(found):
    return [row.point for row in found.rows]


def said(rows):
    """Rows as a text, in which one NaN is as good as another."""
    return [repr(row) for row in rows]


# Which points -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["random", "bayesian"])
def test_points_lie_in_their_ranges_and_are_of_their_kinds(method):
    found = search_for(Quick(), SPACE, 12, method=method)
    assert len(found.rows) == 12
    for point in points(found):
        assert point.keys() == SPACE.keys()
        assert isinstance(point["fit.batch_size"], int)
        assert 2 <= point["fit.batch_size"] <= 40
        assert 0.1 <= point["fit.solver.momentum"] <= 0.9
        assert 1e-3 <= PLAN.with_fields(point).geometry.distance <= 3e-3
        assert point["geometry.distance"].endswith("m")  # mm or µm
        assert point["fit.noise"] in SPACE["fit.noise"]
    assert {point["fit.noise"] for point in points(found)} == set(SPACE["fit.noise"])


@pytest.mark.slow
@pytest.mark.parametrize("method", ["random", "bayesian"])
def test_the_same_seed_gives_the_same_trials(method):
    first, again, other = (search_for(Quick(), SPACE, 12, method=method, seed=seed) for seed in (3, 3, 4))
    assert said(first.rows) == said(again.rows)
    assert points(first) != points(other)


@pytest.mark.slow
def test_a_bayesian_search_tries_points_near_good_ones():
    """After ten random ones; a random search does not."""

    def later(method):
        return np.mean([bowl(point) for point in points(search_for(Quick(), SPACE, 26, method=method))[10:]])

    assert later("bayesian") < 0.7 * later("random")


def test_best_has_the_smallest_figure():
    found = search_for(Quick(), SPACE, 12)
    assert found.best.figures[HELD_OUT] == np.nanmin(found.values(HELD_OUT)) == pytest.approx(bowl(found.best.point))
    assert found.result.settings[HELD_OUT] == found.best.figures[HELD_OUT]


@pytest.mark.parametrize("method", ["random", "bayesian"])
def test_no_point_is_tried_twice_and_the_search_ends_where_there_is_no_more(method):
    grid = Quick()
    found = search_for(grid, {"fit.batch_size": Range(7, 9), "fit.noise": ["amplitude", "poisson"]}, 200, method=method)
    assert len({key_of(point) for point in grid.points}) == 6
    assert len({key_of(point) for point in points(found)}) == len(found.rows) == 6
    assert found.best.point == {"fit.batch_size": 9, "fit.noise": "amplitude"}


# What is kept -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("method", ["random", "bayesian"])
def test_an_interrupted_search_goes_on_as_if_it_had_never_been(tmp_path, method):
    """With the trials that had ended; the one that had not is tried anew."""
    grid, left = Quick(), iter([False] * 15 + [True] + [False] * 100)

    def until_interrupted(point):
        if next(left):
            raise KeyboardInterrupt
        return bowl(point)

    file, told = tmp_path / "search?%{}.sqlite3", []
    with pytest.raises(KeyboardInterrupt):
        search_for(Quick(until_interrupted), SPACE, 14, method=method, study_file=file, on_trial=told.append)
    assert 0 < len(told) < 14
    heard = []
    found = search_for(grid, SPACE, 14, method=method, study_file=file, on_trial=heard.append)
    assert said(found.rows) == said(heard) == said(search_for(Quick(), SPACE, 14, method=method).rows)
    assert said(heard[: len(told)]) == said(told)
    before = [key_of(row.point) for row in told if row.point != found.best.point]
    assert not {key_of(point) for point in grid.points} & set(before)


@pytest.mark.slow
def test_a_trial_of_a_process_that_was_killed_is_tried_anew(tmp_path):
    import optuna

    file = tmp_path / "s.sqlite3"
    search_for(Quick(), SPACE, 3, study_file=file)
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{file}")
    study.ask()
    found = search_for(Quick(), SPACE, 5, study_file=file)
    assert said(found.rows) == said(search_for(Quick(), SPACE, 5).rows)


@pytest.mark.slow
def test_more_trials_are_added_and_the_best_of_an_earlier_call_is_what_was_archived(tmp_path):
    file, archive = tmp_path / "s.sqlite3", {}
    options = {"study_file": file, "archived": lambda point: archive.get(key_of(point))}
    first = search_for(Quick(), SPACE, 6, on_run=lambda point, r: archive.update({key_of(point): r}), **options)
    grid = Quick()
    again = search_for(grid, SPACE, 6, **options)
    assert said(again.rows) == said(first.rows)
    assert again.result is archive[key_of(first.best.point)]
    assert not grid.points
    assert search_for(Quick(), SPACE, 6, study_file=file).result.settings == first.result.settings  # made anew
    assert said(search_for(Quick(), SPACE, 8, **options).rows[:6]) == said(first.rows)


OTHERS = {
    "of other data": {"grid": Quick(data=problems.measurement(1e3, truth=None))},
    "of another plan": {"grid": Quick(plan=PLAN.with_fields({"fit.epochs": 8}))},
    "over other fields or values": {"space": {**SPACE, "fit.batch_size": Range(2, 41, log=True)}},
    "by another method": {"method": "random"},
    "with another seed": {"seed": 1},
}


@pytest.mark.parametrize("other", OTHERS)
def test_the_file_of_another_search_is_refused(tmp_path, other):
    file = tmp_path / "s.sqlite3"
    search_for(Quick(), SPACE, 1, study_file=file)
    asked = {"grid": Quick(), "space": SPACE, "trials": 2, "study_file": file}
    with pytest.raises(pg.InputError, match=f"s.sqlite3 has the trials of a search {other}; give another"):
        search_for(**asked | OTHERS[other])
    moved = Quick(plan=PLAN.with_fields({"data.paths": "elsewhere/scan.h5", "output.result": "r.h5"}))
    assert len(search_for(moved, SPACE, 2, study_file=file).rows) == 2


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "text").write_text("no trials in here, but a text")
    with pytest.raises(pg.InputError, match="no file of SQLite"):
        search_for(Quick(), SPACE, 1, study_file=tmp_path / "text")
    assert (tmp_path / "text").read_text().startswith("no trials")
    (tmp_path / "damaged").write_bytes(b"SQLite format 3\0" + bytes(500))
    for place in ("damaged", "missing/s.sqlite3"):
        with pytest.raises(pg.InputError, match="can't be read or written"):
            search_for(Quick(), SPACE, 1, study_file=tmp_path / place)


def test_trials_are_in_a_file_that_others_read(tmp_path):
    search_for(Quick(), SPACE, 3, study_file=tmp_path / "s.sqlite3")
    with sqlite3.connect(tmp_path / "s.sqlite3") as file:
        assert file.execute("select count(*) from trials where state = 'COMPLETE'").fetchone() == (3,)


# What fails and what ends early ---------------------------------------------------------------------------


@pytest.mark.slow
def test_a_point_that_fails_is_a_failed_trial_with_its_reason(tmp_path):
    def value(point):
        if point["fit.noise"] == "poisson":
            raise pg.InputError("No photons to count.")
        return bowl(point)

    for _ in range(2):
        found = search_for(Quick(value), SPACE, 8, study_file=tmp_path / "s.sqlite3")
        failed = [row for row in found.rows if row.point["fit.noise"] == "poisson"]
        assert failed
        assert all(row.reason == "No photons to count." for row in failed)
        assert all(math.isnan(figure) for row in failed for figure in row.figures.values())
        assert found.best.point["fit.noise"] == "amplitude"
        assert not any(row.reason for row in found.rows if row not in failed)
    with sqlite3.connect(tmp_path / "s.sqlite3") as file:
        count = file.execute("select count(*) from trials where state = 'FAIL'").fetchone()
    assert count == (len(failed),)


def test_where_everything_fails_there_is_no_best():
    def value(point):
        raise pg.InputError("Nothing works.")

    found = search_for(Quick(value), SPACE, 3)
    assert found.best is found.result is None
    assert [row.reason for row in found.rows] == ["Nothing works."] * 3


@pytest.mark.slow
def test_a_run_worse_than_the_median_ends_after_a_third_of_its_epochs(tmp_path):
    """Not before, not among the first five, and it is never the best."""
    file = tmp_path / "s.sqlite3"
    found = search_for(Quick(), SPACE, 14, method="random", study_file=file)
    values, pruned = [bowl(point) for point in points(found)], [bool(row.reason) for row in found.rows]
    whole: list[float] = []
    for value, is_pruned, row in zip(values, pruned, found.rows, strict=True):
        if is_pruned:
            assert row.reason == f"pruned after 3 epochs, when R of held-out patterns was {value:.4g}"
        assert is_pruned == (len(whole) >= 5 and value > np.median(whole))
        whole += [] if is_pruned else [value]
    assert any(pruned)
    assert search_for(Quick(), SPACE, 14, method="random", study_file=file).rows[0] == found.rows[0]


# What is refused ------------------------------------------------------------------------------------------

MISTAKES = {
    "nothing": ({}, "at least one field"),
    "unknown field": ({"fit.batchsize": Range(1, 2)}, "did you mean `fit.batch_size`"),
    "section": ({"fit.solver": Range(1, 2)}, "fit.solver"),
    "words": ({"fit.noise": Range(1, 2)}, r"no numbers to search between; give values, as amplitude\|poisson"),
    "backwards": ({"fit.batch_size": Range(9, 4)}, "smallest < largest"),
    "endless": ({"fit.solver.momentum": Range(0.1, math.inf)}, "smallest < largest"),
    "log of nothing": ({"fit.solver.momentum": Range(0.0, 0.9, log=True)}, "0 < smallest"),
    "half a pattern": ({"fit.batch_size": Range(1.5, 4)}, "1.5 is no whole number"),
    "text": ({"fit.batch_size": Range("few", "many")}, '"few" is no number'),
    "wrong unit": ({"geometry.distance": Range("1 keV", "2 keV")}, "expected one of the units"),
    "one value": ({"fit.noise": ["poisson", "poisson"]}, "fewer than two values"),
    "wrong value": ({"fit.noise": ["poisson", "loud"]}, '"loud" is unknown'),
    "judge": ({"validation.hold_out": Range(0.1, 0.2)}, "can't be searched"),
    "seed": ({"seed": Range(0, 9)}, "can't be searched"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_in_a_sentence(mistake):
    space, expected = MISTAKES[mistake]
    with pytest.raises(pg.InputError, match=expected):
        search_for(Quick(), space, 2)


def test_an_unknown_method_and_no_trials_are_refused():
    with pytest.raises(pg.InputError, match="bayesian, random"):
        search_for(Quick(), SPACE, 2, method="magic")
    with pytest.raises(pg.InputError, match="0 trials"):
        search_for(Quick(), SPACE, 0)


def test_without_optuna_a_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(pg.InputError, match=r"pip install 'ptychograd\[search\]'"):
        search_for(Quick(), SPACE, 2)


# What is held out -----------------------------------------------------------------------------------------

REFINED = [{"fit.refine": []}, {"fit.refine": ["scan.offset"]}]
HELD = [
    (pg.Plan(), [{"seed": 0}], False, None),
    (pg.Plan(), [{"seed": 0}], True, 0.05),
    (pg.Plan(validation={"hold_out": 0.0}), [{"seed": 0}], True, 0.05),
    (pg.Plan(validation={"hold_out": 0.2}), REFINED, True, 0.2),
    (pg.Plan(), REFINED, False, 3 / 56),
    (pg.Plan(validation={"position_test": False}), REFINED, False, None),
    (pg.Plan(), [{"validation.hold_out": 0.1}, {"validation.hold_out": 0.0}], False, None),
]


@pytest.mark.parametrize(("plan", "at", "always", "share"), HELD)
def test_the_same_patterns_judge_all_points(plan, at, always, share):
    """Where they would be held out at some points alone, as for refined positions, and in every search."""
    found = held_out_alike(plan, at, DATA, always)
    assert found.validation.hold_out == (share if share is None else pytest.approx(share))
    judged = pg.runs.PlanGrid(found, lambda _: DATA, DATA).judged_by(at)
    assert judged == ("r_factor" if share is None else HELD_OUT)


def test_a_search_says_that_it_holds_out_patterns(caplog):
    caplog.set_level("INFO", logger="ptychograd")
    found = held_out_alike(pg.Plan(), [{"fit.epochs": 1}], DATA, always=True)
    assert found.holds_out
    assert "0.05 of the patterns are held out" in caplog.text


# Names ----------------------------------------------------------------------------------------------------

AWKWARD = [
    {"fit.refine": ["scan.offset", "detector.background"]},
    {"model.kind": 'own/module:Class "x" <y> | z?*\\'},
    {"fit.solver.arguments.text": "long " * 100},
    {"fit.solver.arguments.text": "long " * 100 + "."},
    {"fit.solver.arguments.text": "a/b"},
    {"fit.solver.arguments.text": "a_b"},
    {"fit.solver.arguments.text": "ünïcode\n\0"},
    {"geometry.distance": "1.5 µm"},
    {"fit.stages": [{"epochs": 3, "noise": "poisson"}]},
    {"fit.refine": []},
]


def test_every_point_has_a_file_name_of_its_own(tmp_path):
    names = [file_name_of(point) for point in AWKWARD]
    assert len(set(names)) == len(names)
    for name in names:
        assert name.isascii()
        assert shlex.quote(name) == name
        assert len(name) < 200
        (tmp_path / f"{name}.h5").write_text("x")
    assert len(list(tmp_path.iterdir())) == len(names)
    assert file_name_of({"fit.batch_size": 4, "seed": 0}) == "fit.batch_size-4_seed-0"
    assert (
        file_name_of({"fit.solver.momentum": 0.5, "fit.noise": "poisson"})
        == "fit.solver.momentum-0.5_fit.noise-poisson"
    )


def test_equal_values_of_other_units_are_the_same_point():
    one, *others = ({"geometry.distance": value} for value in ("1 mm", "1000 µm", "0.001", 0.001))
    assert name_of(one) == "geometry.distance=1 mm"
    for other in others:
        assert file_name_of(other) == file_name_of(one)
        assert key_of(other) == key_of(one)
    assert file_name_of({"geometry.distance": "1.001 mm"}) != file_name_of(one)
