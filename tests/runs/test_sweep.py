"""A grid of settings: its shape and order, what diverges, what is best, and what is not computed again."""

import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.runs import sweeps as _sweep

NUMBERS = {"object": [0.02, 1e30], "probe": [3.0, 1.0, 0.3]}


def made(loss: float, stopped: str = "all epochs done") -> pg.Result:
    """A result as if it had been computed; its R-factor goes the other way than its loss."""
    history = pg.fitting.History((99.0, loss), (0.5, 1 / (1 + loss)), (1.0, 1.0), (0.0, 0.0))
    return pg.Result({}, {}, history, {"stopped": stopped})


class Asked:
    """In the place of `try_all`: what it was asked for, and made results, the last point's first."""

    def __init__(self, result=made):
        self.result, self.names, self.at_once = result, [], "never asked"

    def __call__(self, runs, at_once, check):
        self.names, self.at_once = list(runs), at_once
        return ((name, self.result(runs[name])) for name in reversed(runs))


@pytest.fixture
def asked(monkeypatch):
    monkeypatch.setattr(_sweep, "try_all", Asked())
    return _sweep.try_all


def number(point):
    """A number that tells every point of `GRID` from the others, in the place of a `Run`."""
    return 100.0 * point["first"] + 10.0 * point["second"] + point["third"]


GRID = {"first": (2, 1), "second": (0, 1, 2), "third": (4.5, 0.5)}


def test_values_have_the_grids_shape_and_order(asked):
    """Whatever is done first: the axis named first varies slowest, and values stand as they were given."""
    found = pg.sweep(number, GRID)
    expected = [[[100 * a + 10 * b + c for c in (4.5, 0.5)] for b in (0, 1, 2)] for a in (2, 1)]
    np.testing.assert_array_equal(found.values("loss"), expected)
    np.testing.assert_allclose(found.values("r_factor"), 1 / (1 + np.array(expected)))
    assert found.grid == GRID
    assert [row.point for row in found.rows[:3]] == [
        {"first": 2, "second": 0, "third": 4.5},
        {"first": 2, "second": 0, "third": 0.5},
        {"first": 2, "second": 1, "third": 4.5},
    ]


@pytest.mark.parametrize("at_once", [None, 5])
def test_how_many_at_once_is_passed_on(asked, at_once):
    pg.sweep(number, GRID, at_once=at_once)
    assert asked.at_once == at_once
    assert len(asked.names) == 12


def test_best_has_the_smallest_figure_of_the_name(asked):
    """The smallest loss has the largest R-factor here, and a measured figure may have another mind."""

    def measure(result, _):
        return {"distance": abs(result.history.loss[-1] - 211.0)}

    points = {"loss": (1, 0, 0.5), "r_factor": (2, 2, 4.5), "distance": (2, 1, 0.5)}
    for by, point in points.items():
        found = pg.sweep(number, GRID, measure=measure, by=by)
        assert tuple(found.best.point.values()) == point
        assert found.best.figures[by] == found.values(by).min()
        assert found.result.history.loss[-1] == number(found.best.point)
        assert found.best.figures.keys() == {"loss", "r_factor", "distance"}


def test_what_diverged_is_nan_and_never_best(asked):
    """All its figures, measured ones too, though a last good result exists."""
    smallest = 100.5
    asked.result = lambda loss: made(loss, "not finite" if loss == smallest else "all epochs done")
    found = pg.sweep(number, GRID, measure=lambda result, _: {"one": 1.0}, by="loss")
    values = found.values("loss")
    assert np.isnan(values[1, 0, 1])
    assert np.isnan(values).sum() == np.isnan(found.values("one")).sum() == 1
    assert found.best.figures["loss"] == np.nanmin(values) == 104.5


def test_a_grid_without_a_good_run_has_no_best(asked):
    asked.result = lambda loss: made(loss, "not finite")
    found = pg.sweep(number, GRID)
    assert np.isnan(found.values("r_factor")).all()
    assert found.best is found.result is None


def test_a_figure_that_nobody_measured_is_nan(asked):
    assert np.isnan(pg.sweep(number, GRID).values("beauty")).all()


def test_what_is_kept_is_not_made_again(asked):
    """Points that are known cost no run, are told to nobody, and count for the best one."""
    known = {"first": 1, "second": 0, "third": 0.5}
    made_runs, told = [], []

    def run(point):
        made_runs.append(dict(point))
        return number(point)

    def archived(point):
        return made(7.0) if point == known else None

    found = pg.sweep(run, GRID, archived=archived, on_run=lambda point, result: told.append(dict(point)), by="loss")
    assert len(made_runs) == len(told) == len(asked.names) == 11
    assert known not in made_runs + told
    assert all(told.count(point) == 1 for point in made_runs)
    assert found.best.point == known
    assert found.values("loss")[1, 0, 1] == 7


def test_a_new_run_is_told_with_its_own_result(asked):
    told = []
    pg.sweep(number, GRID, on_run=lambda point, result: told.append((number(point), result.history.loss[-1])))
    assert len(told) == 12
    assert all(expected == loss for expected, loss in told)


def test_an_interrupt_is_raised_on(asked):
    """What was done before it has been told."""
    told = []
    asked.result = lambda loss: made(loss, "interrupted" if loss == 210.5 else "all epochs done")
    with pytest.raises(KeyboardInterrupt):
        pg.sweep(number, GRID, on_run=lambda point, result: told.append(number(point)))
    assert told == [120.5, 124.5, 110.5, 114.5, 100.5, 104.5, 220.5, 224.5]


@pytest.mark.parametrize("grid", [{}, {"object": []}, {"object": [0.1], "probe": ()}])
def test_a_grid_of_nothing_is_refused(asked, grid):
    with pytest.raises(pg.InputError, match="at least one axis with at least one value"):
        pg.sweep(number, grid)
    assert asked.at_once == "never asked"


@pytest.mark.slow
def test_step_sizes_of_adam():
    """Real runs: the cells with mad steps are NaN, the others are what `perform` finds alone."""
    data = problems.measurement()
    model = problems.start_model(data)

    def run(point):
        return pg.Run(model, data, pg.adam(dict(point)), (pg.Stage(2),), batch_size=8)

    found = pg.sweep(run, NUMBERS)
    losses = found.values("loss")
    assert losses.shape == (2, 3)
    assert np.isnan(losses[1]).all()
    alone = [pg.perform(run({"object": 0.02, "probe": probe})) for probe in NUMBERS["probe"]]
    np.testing.assert_allclose(losses[0], [result.history.loss[-1] for result in alone], rtol=1e-3)
    best = int(np.argmin([result.history.r_factor[-1] for result in alone]))
    assert found.best.point == {"object": 0.02, "probe": NUMBERS["probe"][best]}
    np.testing.assert_allclose(found.result.object, alone[best].object, atol=1e-2)


def test_a_run_that_never_finished_an_epoch_is_nan_too():
    """One that diverges in its first epoch harms no other, whatever is measured."""
    data = problems.measurement()
    model = problems.start_model(data)

    def run(point):
        steps = {"object": point["object"], "probe": 1.0}
        return pg.Run(model, data, pg.adam(steps), (pg.Stage(2),), batch_size=8)

    found = pg.sweep(run, {"object": (1e30, 0.02)}, measure=lambda result, _: {"size": float(result.object.size)})
    assert np.isnan(found.rows[0].figures["r_factor"])
    assert np.isnan(found.rows[0].figures["size"])
    assert found.best is found.rows[1]


# The lowest point -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lowest", [2.6, 3.0, 3.4])
@pytest.mark.parametrize("unit", [1.0, 1e-3])
def test_the_lowest_point_of_a_parabola_is_exact(lowest, unit):
    """Between the places too, and however far apart they are."""
    places = [unit * place for place in (1.0, 1.7, 2.9, 4.0, 6.5)]
    values = np.array([0.02 + 0.3 * (place / unit - lowest) ** 2 for place in places])
    assert _sweep.lowest_point(places, values) == pytest.approx(unit * lowest, rel=1e-9)


def test_only_the_neighbours_of_the_smallest_value_are_heard():
    values = np.array([np.nan, 9.0, 1.25, 1.0, 1.25, 7.0, np.nan])
    assert _sweep.lowest_point([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], values) == pytest.approx(3)


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2, 3, 4],
        [4.0, 3, 2, 1],
        [3.0, 1, np.nan, 4],
        [np.nan, 1, 2, 4],
        [np.nan] * 4,
        [2.0, 2, 2, 2],
        [1.0, 1, 3, 4],
    ],
)
def test_at_the_edge_or_beside_a_run_that_diverged_there_is_no_lowest_point(values):
    assert _sweep.lowest_point([1.0, 2.0, 3.0, 4.0], np.array(values)) is None


def test_a_curve_without_a_valley_or_with_two_is_doubted():
    assert _sweep.doubts(np.array([0.3, 0.2, 0.1, 0.2, 0.3])) == ""
    assert _sweep.doubts(np.array([0.1, 0.2, np.nan, 0.3])) == ""
    assert "within 1.0%" in _sweep.doubts(np.array([0.101, 0.1, 0.1005]))
    assert "more than once" in _sweep.doubts(np.array([0.3, 0.1, 0.2, 0.1, 0.3]))
    assert _sweep.doubts(np.array([np.nan])) == ""
