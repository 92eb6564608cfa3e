"""A plan with the model of docs/plan.md in a module beside it, and one with an array: through the commands."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import problems
import ptychograd as pg
from own_models import holograms
from ptychograd.cli import engine
from ptychograd.runs.plan import solvers

PAGE = (Path(__file__).parents[2] / "docs" / "plan.md").read_text(encoding="utf-8").partition("## Parts of your own")[2]
MODULE, PLAN = (re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)[1] for kind in ("python", "toml"))


@pytest.fixture
def beside(run, tmp_path, monkeypatch):
    """A folder with data, plan and module, which no other test has imported."""
    monkeypatch.delitem(sys.modules, "my_model", raising=False)
    pg.write("holo.h5", holograms())
    (tmp_path / "my_model.py").write_text(MODULE)
    (tmp_path / "run.toml").write_text(PLAN)
    return tmp_path


@pytest.mark.slow
def test_a_model_in_a_module_beside_the_plan(run, beside):
    status, out, err = run("validate", "run.toml")
    assert status == 0, err
    assert "6 epochs" in out or "it can be run" in out
    status, out, err = run("run", "run.toml", "-o", "r.h5", "--stop-after", 3)
    assert status == 0, err
    assert pg.load("r.h5").history.epochs == 3
    status, _, err = run("resume", "r.h5")
    assert status == 2
    assert "--trust-model" in err
    assert "--model " not in err
    status, _, err = run("resume", "r.h5", "--trust-model")
    assert status == 0, err
    whole = pg.Plan.load("run.toml").run()
    np.testing.assert_array_equal(pg.load("r.h5").arrays["wave"], whole.arrays["wave"])
    assert whole.settings["trainable"] == ["wave"]


@pytest.mark.slow
def test_where_the_module_is_not_the_result_is_shown(run, beside, tmp_path):
    assert run("run", "run.toml", "-o", "r.h5")[0] == 0
    (tmp_path / "my_model.py").unlink()
    for command in (("inspect", "r.h5"), ("plot", "r.h5", "-o", "r.png"), ("export", "r.h5", "r.tiff")):
        status, _, err = run(*command)
        assert status == 0, err
    sys.modules.pop("my_model")
    status, _, err = run("resume", "r.h5", "--epochs", 8, "--trust-model")
    assert status == 2
    assert "the plan of the result names my_model:holography for model.kind: the module my_model is neither" in err
    assert "--model:" not in err


def test_parts_are_made_in_a_process_that_is_set_up(run, beside, monkeypatch):
    """What they hold begins JAX, after which cores are no devices any more, and no other processes are found."""
    seen = []
    real = engine.start
    monkeypatch.setattr(engine, "start", lambda machine: (seen.append("set up"), real(machine)))
    monkeypatch.setattr(solvers, "adam", lambda steps: (seen.append("made"), pg.adam(steps))[1])
    assert run("run", "run.toml", "-o", "r.h5", "--stop-after", 1)[0] == 0
    assert seen[0] == "set up"
    assert "made" in seen
    seen.clear()
    status, _, err = run("run", "run.toml", "-o", "r.h5", "--set", 'fit.refine_after={"wave": 0.5}')
    assert status == 2, err
    assert seen == []


@pytest.mark.slow
def test_it_is_swept(run, beside):
    options = ("--plan", "run.toml", "--grid", "fit.solver.steps.wave=1.0,3.0", "-o", "s")
    status, out, err = run("sweep", "holo.h5", *options)
    assert status == 0, err
    assert "best: fit.solver.steps.wave=3.0" in out


@pytest.mark.slow
def test_a_plan_with_an_array_is_run_by_the_commands(run):
    data = problems.measurement()
    pg.write("scan.h5", data)
    plan = pg.Plan(
        data={"paths": "scan.h5"}, model={"start": {"probe": 1.1 * data.probe[0]}}, fit={"epochs": 2, "batch_size": 14}
    )
    plan.save("run.toml")
    assert pg.Plan.load("run.toml") == plan
    status, _, err = run("run", "run.toml", "-o", "r.h5")
    assert status == 0, err
    assert run("reconstruct", "scan.h5", "--plan", "run.toml", "-o", "r2.h5")[0] == 0
    for name, array in pg.load("r.h5").arrays.items():
        np.testing.assert_array_equal(array, pg.load("r2.h5").arrays[name])
        np.testing.assert_array_equal(array, plan.run().arrays[name])


def test_in_python_a_run_ends_where_the_plan_says(run):
    pg.write("scan.h5", problems.measurement())
    plan = pg.Plan(data={"paths": "scan.h5"}, fit={"epochs": 4, "batch_size": 14}, output={"stop_after": 2})
    assert plan.run().history.epochs == 2
    with pytest.raises(pg.InputError, match="every file has a run of its own"):
        plan.with_fields({"data.paths": ["scan.h5", "other.h5"], "data.each": True}).run()


def test_a_bare_energy_is_in_joules(run):
    pg.write("scan.h5", problems.measurement())
    with pytest.raises(pg.InputError, match='give its unit, as "8 keV"'):
        pg.Plan(data={"paths": "scan.h5"}, geometry={"energy": 8.0}).read()
