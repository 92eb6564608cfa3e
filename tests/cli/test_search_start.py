"""`diagnose --search`: the trials of a start in a table and a picture; and a line that says who looks for one."""

import importlib

import numpy as np
import pytest

import problems
import ptychograd as pg
from lens_scans import lens_scan


def test_a_search_is_drawn():
    wave = np.ones((8, 8), complex)
    figure = pg.plot.start_figure([9.0, -9.0, 4.0], [0.1, np.inf, 0.2], ["a", "a", "b"], wave, np.ones((9, 9), complex))
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["a", "b"]


@pytest.mark.slow
def test_the_trials_of_a_start_are_shown(run, tmp_path):
    pg.write(tmp_path / "scan.h5", lens_scan()[0])
    status, out, _ = run("diagnose", "--search", "scan.h5", "-o", "trials.png", "--json")
    assert status == 0
    assert "pupil of the mean pattern" in out
    assert "standard errors" in out
    assert (tmp_path / "trials.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_run_without_a_start_says_who_would_look_for_one(run, tmp_path):
    data = problems.measurement()
    pg.write(tmp_path / "given.h5", data)
    pg.write(tmp_path / "bare.h5", pg.make_dataset(data.patterns, data.positions))
    assert "`ptychograd auto` would look for one" in run("reconstruct", "bare.h5", "--epochs", 1)[2]
    assert "would look for one" not in run("reconstruct", "given.h5", "--epochs", 1)[2]


def interrupted(state, *_):
    raise KeyboardInterrupt


@pytest.mark.slow
def test_a_run_that_came_to_its_end_stays_when_the_search_for_what_is_missing_is_interrupted(
    run, tmp_path, monkeypatch
):
    module = importlib.import_module("ptychograd.automatic.auto")
    monkeypatch.setattr(module, "look_for_missing", interrupted)
    pg.write(tmp_path / "scan.h5", problems.measurement())
    said = ["--epochs", 20, "--orientation", 0]
    status, _, err = run("auto", "scan.h5", *said, "-o", "out.h5")
    assert status == 130
    assert "out.h5 is the run so far; `ptychograd resume out.h5` looks for what is missing" in err
    assert pg.load(tmp_path / "out.h5").history.epochs == 20
    monkeypatch.setattr(module, "look_for_missing", lambda state, *_: state)
    assert run("resume", "out.h5")[0] == 0
    assert "under_way" not in pg.load(tmp_path / "out.h5").settings["auto"]
    assert "the run is over after 20 epochs" in run("resume", "out.h5")[1]
