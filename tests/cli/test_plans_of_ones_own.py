"""A plan with a model of one's own in a module beside it, and one with an array: through the commands."""

import sys

import numpy as np
import pytest

import problems
import ptychograd as pg
from own_models import holograms

MODULE = """
import jax, jax.numpy as jnp, numpy as np
import ptychograd as pg

PIXEL, SHAPE = (2e-7, 2e-7), (41, 36)

class Hologram(pg.AbstractModel):
    wave: jax.Array
    kernels: jax.Array

    def __call__(self, index):
        return jnp.abs(jnp.fft.ifft2(jnp.fft.fft2(self.wave) * self.kernels[index])) ** 2

    def roles(self):
        return pg.Roles(image=pg.Image(self.wave, sampling=PIXEL, gauge=("phase", "scale")))

def make(data, level):
    kernels = [pg.physics.fresnel_kernel(SHAPE, PIXEL, 5e-10, z) for z in (3e-4, 8e-4, 1.6e-3, 2.6e-3)]
    return Hologram(jnp.full(SHAPE, level, jnp.complex64), jnp.asarray(np.stack(kernels), jnp.complex64))
"""
PLAN = """
version = 1
[data]
paths = ["holo.h5"]
[model]
kind = "holography_beside:make"
arguments = { level = 100.0 }
[fit]
epochs = 6
[fit.solver]
kind = "adam"
steps = { wave = 3.0 }
"""


@pytest.fixture
def beside(run, tmp_path, monkeypatch):
    """A folder with data, plan and module, which no other test has imported."""
    monkeypatch.delitem(sys.modules, "holography_beside", raising=False)
    pg.write("holo.h5", holograms())
    (tmp_path / "holography_beside.py").write_text(MODULE)
    (tmp_path / "run.toml").write_text(PLAN)
    return tmp_path


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
    status, _, err = run("resume", "r.h5", "--trust-model")
    assert status == 0, err
    whole = pg.Plan.load("run.toml").run()
    np.testing.assert_array_equal(pg.load("r.h5").arrays["wave"], whole.arrays["wave"])
    assert whole.settings["trainable"] == ["wave"]


def test_where_the_module_is_not_the_result_is_shown(run, beside, tmp_path):
    assert run("run", "run.toml", "-o", "r.h5")[0] == 0
    (tmp_path / "holography_beside.py").unlink()
    for command in (("inspect", "r.h5"), ("plot", "r.h5", "-o", "r.png"), ("export", "r.h5", "r.tiff")):
        status, _, err = run(*command)
        assert status == 0, err


@pytest.mark.slow
def test_it_is_swept(run, beside):
    options = ("--plan", "run.toml", "--grid", "fit.solver.steps.wave=1.0,3.0", "-o", "s")
    status, out, err = run("sweep", "holo.h5", *options)
    assert status == 0, err
    assert "best: fit.solver.steps.wave=3.0" in out


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
