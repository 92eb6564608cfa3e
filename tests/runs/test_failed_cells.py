"""Points of a grid that can't be reconstructed: cells with a reason, among others that are done."""

import csv
import json

import jax
import numpy as np
import pytest

import near_problems
import problems
import ptychograd as pg
from ptychograd.output.plot import sweep_map
from ptychograd.runs import many
from ptychograd.runs import sweeps as _sweep
from ptychograd.runs.many import perform_all, try_all

DATA = problems.measurement(truth=None)
MODEL = problems.start_model(DATA)
PLAIN = pg.Run(MODEL, DATA, pg.Nesterov(), (pg.Stage(1),), 8)


def made(run, on_epoch=None):
    """In the place of `perform`: what would go wrong within a run, by its seed; else a result whose loss is that."""
    if run.seed in TROUBLE:
        raise TROUBLE[run.seed]
    return pg.Result(
        {}, {}, pg.fitting.History((float(run.seed),), (0.1,), (1.0,), (0.0,)), {"stopped": "all epochs done"}
    )


TROUBLE = {
    1: pg.InputError("The crystal is gone."),
    2: MemoryError(),
    3: jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes."),
    4: pg.fitting.NonFiniteError(
        "the loss stopped being finite", pg.Result({}, {}, pg.fitting.History.empty(), {"stopped": "not finite"})
    ),
}
REASONS = {1: "The crystal is gone.", 2: "needs more memory", 3: "needs more memory", 4: "diverged after 0 epochs"}


@pytest.fixture
def quick(monkeypatch):
    """Runs that take no time."""
    monkeypatch.setattr(many, "perform", made)
    monkeypatch.setattr(many, "device_memory", lambda: None)


def of_seed(point):
    return PLAIN._replace(seed=point["seed"])


# In Python ------------------------------------------------------------------------------------------------


def test_whatever_goes_wrong_at_a_point_the_others_are_done(quick):
    """What a run raises is the reason of its row; it has NaN for every figure and is never the best."""
    told, failed = [], {}
    found = pg.sweep(
        of_seed,
        {"seed": [1, 9, 2, 3, 4, 7]},
        by="loss",
        on_run=lambda point, _: told.append(point["seed"]),
        on_failure=lambda point, reason: failed.update({point["seed"]: reason}),
    )
    np.testing.assert_array_equal(found.values("loss"), [np.nan, 9, np.nan, np.nan, np.nan, 7])
    assert found.best.point == {"seed": 7}
    assert found.result.history.loss == (7.0,)
    assert sorted(told) == [4, 7, 9]
    assert failed == {row.point["seed"]: row.reason for row in found.rows if row.point["seed"] in (1, 2, 3)}
    for row in found.rows:
        assert REASONS.get(row.point["seed"], "") in row.reason
        assert bool(row.reason) == (row.point["seed"] in REASONS)
        assert row.figures.keys() == {"r_factor", "loss"}


@pytest.mark.parametrize(
    "problem", [TypeError("a mistake in the code"), jax.errors.JaxRuntimeError("INTERNAL: broken")]
)
def test_what_is_no_fault_of_a_point_ends_the_sweep(quick, monkeypatch, problem):
    monkeypatch.setitem(TROUBLE, 5, problem)
    with pytest.raises(type(problem)):
        pg.sweep(of_seed, {"seed": [5, 7]})


def test_points_of_which_no_run_can_be_made_cost_no_others(quick):
    """By the function that makes it, or by what is checked before it begins."""

    def run(point):
        if point["modes"] == 0:
            return pg.Run(pg.far_field(DATA, modes=0), DATA, pg.Nesterov(), (pg.Stage(1),), 8)
        return PLAIN._replace(batch_size=point["batch"], stages=(pg.Stage(1, point["free"]),))

    grid = {"modes": [0, 1], "batch": [8, 57], "free": [("object",), ("lens",), "object"]}
    found = pg.sweep(run, grid)
    reasons = np.array([row.reason for row in found.rows], object).reshape(2, 2, 3)
    assert (reasons[0] == "0 probe modes; expected 1 or more.").all()
    assert all("give 1 to 56" in reason for reason in (reasons[1, 1, 0],))
    assert "lens" in reasons[1, 0, 1]
    assert "expected a tuple" in reasons[1, 0, 2]
    assert reasons[1, 0, 0] == ""
    assert found.best.point == {"modes": 1, "batch": 8, "free": ("object",)}


def test_a_point_that_does_not_fit_into_memory_is_not_begun(quick, monkeypatch):
    """Told from shapes, once for all points of one size."""
    asked = []

    class Plan:
        def __init__(self, tasks):
            asked.append(tasks[0].batch_size)
            self.large = tasks[0].batch_size > 16

        def check(self):
            if self.large:
                raise pg.InputError("The reconstruction needs about 9 TB of memory.")

    monkeypatch.setattr(_sweep, "memory_plan", Plan)
    found = pg.sweep(lambda point: PLAIN._replace(**point), {"batch_size": [8, 32], "seed": [7, 8, 9]}, by="loss")
    assert [row.reason[:32] for row in found.rows] == [""] * 3 + ["The reconstruction needs about 9"] * 3
    assert asked == [8, 32]


def test_a_point_that_can_not_be_measured_or_was_kept_wrongly_failed_too(quick):
    def measure(result, _):
        if result.history.loss[-1] == 9:
            raise pg.InputError("The truth's object has another shape.")
        return {"beauty": 1.0}

    def archived(point):
        if point["seed"] == 8:
            raise pg.InputError("The model wants another shape.")

    found = pg.sweep(of_seed, {"seed": [9, 8, 7]}, measure=measure, archived=archived, by="beauty")
    assert [row.reason for row in found.rows] == [
        "The truth's object has another shape.",
        "The model wants another shape.",
        "",
    ]
    assert np.isnan(found.values("beauty")[:2]).all()
    assert found.best.point == {"seed": 7}


@pytest.mark.slow
def test_a_grid_of_which_nothing_can_be_made_is_an_error(quick):
    """With the reason of the first; one that diverges everywhere has no best."""
    with pytest.raises(pg.InputError, match=r"No point .* at seed=1: The crystal is gone\."):
        pg.sweep(of_seed, {"seed": [1, 2, 3]})
    found = pg.sweep(of_seed, {"seed": [4, 1]})
    assert found.best is found.result is None
    assert all(row.reason for row in found.rows)


@pytest.mark.slow
def test_a_wrong_name_of_a_figure_is_no_failed_cell(quick):
    with pytest.raises(pg.InputError, match='No figure "beauty"'):
        pg.sweep(of_seed, {"seed": [1, 7]}, by="beauty")


def test_runs_side_by_side_go_on_alone_where_they_do_not_fit_together(quick, monkeypatch):
    """And what is wrong with one of them is not wrong with the others."""

    def too_many(tasks):
        raise TROUBLE[3]

    monkeypatch.setattr(many, "reconstruct_together", too_many)
    runs = {str(seed): PLAIN._replace(seed=seed, solver=pg.adam({"object": 0.1, "probe": 1.0})) for seed in (6, 1, 7)}
    found = dict(try_all(runs, at_once=3))
    assert [type(found[name]).__name__ for name in ("6", "1", "7")] == ["Result", "InputError", "Result"]
    assert found["1"].__traceback__ is None  # which would keep every array of the run


def test_those_who_ask_for_all_runs_get_an_error_for_the_first_that_fails(quick):
    runs = {"good": PLAIN._replace(seed=7), "bad": PLAIN._replace(batch_size=57)}
    with pytest.raises(pg.InputError, match="give 1 to 56"):
        next(perform_all(runs))


def test_a_map_has_a_gap_where_a_point_failed(quick):
    """A gap in the curve, and a cross in the cells."""
    found = pg.sweep(of_seed, {"seed": [9, 1, 7]}, by="loss")
    curve = sweep_map(found.values("loss"), found.grid, "loss").axes[0].lines[0]
    np.testing.assert_array_equal(curve.get_ydata(), [9, np.nan, 7])
    grid = {"seed": (9, 1), "other": (0, 1)}
    cells = sweep_map(np.array([[9.0, 8.0], [np.nan, 7.0]]), grid, "loss").axes[0]
    assert sorted(text.get_text() for text in cells.texts) == ["7", "8", "9", "×"]


# On the command line --------------------------------------------------------------------------------------


def tables(folder):
    with open(folder / "sweep.csv", encoding="utf-8", newline="") as file:
        return json.loads((folder / "sweep.json").read_text(encoding="utf-8")), list(csv.DictReader(file))


@pytest.mark.slow
def test_a_sweep_says_what_failed_and_goes_on(run, tmp_path):
    """In all three tables and beside them; called again it computes nothing and says the same."""
    pg.write(tmp_path / "scan.h5", DATA)
    command = ("sweep", "scan.h5", "--grid", "model.probe.variations=99,0", "--grid", "batch-size=8,57", "--epochs", 1)
    none_such = "`model.probe.variations`: 99 variations of the probe; expected fewer than there are patterns, 56."
    for _ in range(2):
        status, out, err = run(*command)
        assert status == 0, err
        rows, lines = tables(tmp_path / "scan_sweep")
        reasons = [row.get("reason", "") for row in rows]
        assert reasons[:2] == [none_such] * 2
        assert reasons[2] == ""
        assert reasons[3] == "A batch of 57 patterns (`fit.batch_size`) can't be taken from 56; give 1 to 56."
        assert [line["reason"] for line in lines] == reasons
        assert [row["r_factor"] is None for row in rows] == [bool(reason) for reason in reasons]
        assert out.splitlines()[2].split()[:4] == ["99", "8", "nan", "nan"]
        assert [line["verdict"] for line in lines] == ["", "", "not_solved", ""]
        assert [row.get("verdict", "") for row in rows] == ["", "", "not_solved", ""]
        assert "best: model.probe.variations=0 fit.batch_size=8" in out
        assert f"3 of 4 points failed; model.probe.variations=99 fit.batch_size=8: {none_such}" in err
        kept = [path.name for path in (tmp_path / "scan_sweep" / "runs").iterdir()]
        assert kept == ["model.probe.variations-0_fit.batch_size-8.h5"]


@pytest.mark.slow
def test_a_scan_of_distances_goes_over_one_that_aliases(run, tmp_path):
    """So near to the focus pixels are so small that no propagator holds; the lowest point is not told beside a gap."""
    pg.write(tmp_path / "near.h5", near_problems.measurement(support=None, truth=None))
    options = ("--from", 0.0001, "--to", 0.0481, "--steps", 3, "--of", "focus-distance", "--epochs", 1)
    status, out, err = run("scan-distance", "near.h5", *options, "--batch-size", 49)
    assert status == 0, err
    rows, _ = tables(tmp_path / "near_distance")
    assert [row["r_factor"] is None for row in rows] == [True, False, False]
    assert "aliases on 36 pixels" in rows[0]["reason"]
    assert "1 of 3 points failed; geometry.focus_distance=100 µm: A Fresnel propagation" in err
    assert "not within this range" in out
