"""The benchmark: which figures it gives; how large they are is the machine's."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from ptychograd.runs import benchmark as _bench
from ptychograd.runs.benchmark import SOLVERS, Case, bench

CASE = Case(16, 4, 9)


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def report(told):
    return bench((CASE,), 1, lambda *facts: told.append(facts))


@pytest.mark.slow
def test_every_solver_has_positive_figures(report):
    (case,) = report["cases"]
    assert case["case"] == {"frame": 16, "batch_size": 4, "count": 9, "regime": "far field"}
    assert case["solvers"].keys() == SOLVERS.keys()
    for timing in case["solvers"].values():
        assert timing.keys() == {"step", "patterns_per_second", "of_floor", "compilation", "memory"}
        assert all(np.isfinite(figure) and figure > 0 for figure in timing.values())


@pytest.mark.slow
def test_figures_belong_together(report):
    """Three steps make an epoch of nine patterns, and the floor is that of the fastest library."""
    (case,) = report["cases"]
    floor = case["transforms, seconds"]
    assert {"XLA", "NumPy", "SciPy"} <= floor.keys()
    assert all(np.isfinite(seconds) and seconds > 0 for seconds in floor.values())
    for timing in case["solvers"].values():
        assert timing["patterns_per_second"] * 3 * timing["step"] == pytest.approx(9)
        assert timing["of_floor"] * min(floor.values()) == pytest.approx(timing["step"])


@pytest.mark.slow
def test_the_report_goes_into_a_file(report):
    """As JSON and back, with all that the numbers depend on."""
    assert json.loads(json.dumps(report)) == report
    assert {"processor", "cores", "device", "dtype", "python", "jax", "jaxlib", "numpy"} <= report["machine"].keys()


@pytest.mark.slow
def test_each_case_is_told(report, told):
    ((case, floor, solvers),) = told
    assert case == CASE
    assert floor == report["cases"][0]["transforms, seconds"]
    assert solvers == report["cases"][0]["solvers"]


@pytest.mark.parametrize("case", [CASE, Case(8, 1, 10), Case(24, 3, 3), Case(18, 2, 4, "near field")])
def test_patterns_are_those_of_the_case(case):
    """As many as asked for, where a raster has room for more, and none of them empty."""
    data = _bench.patterns(case)
    assert data.patterns.shape == (case.count, case.frame, case.frame)
    assert data.probe.shape == (1, case.frame, case.frame)
    assert (data.photons > 0).all()
    assert len(np.unique(data.positions, axis=0)) == case.count


def test_a_time_is_the_median_of_its_rounds(monkeypatch):
    """A clock by hand: one job takes 2 s, but 50 s in a slow moment, in which the other one isn't slow."""
    now = [0.0]
    monkeypatch.setattr(_bench, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    durations = {"two": iter([9.0, 2.0, 2.0, 50.0, 2.0]), "three": iter([9.0, 3.0, 3.0, 3.0, 3.0])}
    order = []

    def job(name):
        def run():
            order.append(name)
            now[0] += next(durations[name])

        return run

    assert _bench.median_seconds({name: job(name) for name in durations}, 3) == {"two": 2.0, "three": 3.0}
    assert order[-6:] == ["two", "three"] * 3
