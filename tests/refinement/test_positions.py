"""Positions refined from wrong ones, judged by held-out patterns, kept in results."""

import json

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import near_problems
import problems
import ptychograd as pg
from ptychograd.data.splitting import hold_out
from ptychograd.quality.comparison import compare_with_truth

FREE = ("object", "probe", "scan.offset")
EXACT = (1, 3)  # seeds for which a judge that lets held-out patterns move in the refined model alone is fooled


def moved(problem, rms=0.8, seed=4, photons=1e5):
    """A measurement whose windows were elsewhere than it says: patterns in plain NumPy, and the errors in pixels."""
    data = problem.measurement(photons)
    near = problem is near_problems
    pixel = np.array(problem.SAMPLING) if near else np.ones(2)
    corners = data.positions / pixel
    wrong = np.round(rms * np.random.default_rng(seed).normal(size=corners.shape))
    high = np.array(problem.OBJECT) - problem.FRAME
    told = np.clip(corners - wrong, 0, high)
    told[[0, -1]] = corners[[0, -1]]  # so that the array is as large
    return pg.make_dataset(
        data.patterns, told * pixel, geometry=data.geometry, probe=data.probe, support=data.support, truth=data.truth
    ), corners - told


def error(result, wrong, used=slice(None)):
    found = (result.corrections - wrong)[used]
    return float(np.sqrt(np.mean((found - np.median(found, axis=0)) ** 2)))


@pytest.mark.slow
@pytest.mark.parametrize("problem", [problems, near_problems])
def test_positions_are_found(problem):
    data, wrong = moved(problem, photons=1e5 if problem is problems else 1e7)
    recipe = pg.far_field if problem is problems else pg.near_field
    model = pg.models.with_refinable_positions(recipe(data), 5)
    run = pg.Run(model, data, pg.Nesterov(), (pg.Stage(6), pg.Stage(34, FREE)), 8)
    result = pg.perform(run)
    start = float(np.sqrt(np.mean(wrong**2)))
    assert start > 0.5
    assert error(result, wrong) < 0.5 * start  # after 40 epochs; what is left is smooth over the scan
    np.testing.assert_allclose(
        result.positions_refined - result.positions,
        result.corrections * (problem.SAMPLING if problem is near_problems else 1),
    )
    plain = pg.perform(pg.Run(recipe(data), data, pg.Nesterov(), (pg.Stage(40),), 8))
    assert result.history.r_factor[-1] < 0.8 * plain.history.r_factor[-1]


@pytest.mark.slow
def test_the_result_keeps_both_positions(tmp_path):
    data, _ = moved(problems)
    model = pg.models.with_refinable_positions(pg.far_field(data), 5)
    result = pg.perform(pg.Run(model, data, pg.Nesterov(), (pg.Stage(2, FREE),), 8))
    result.save(tmp_path / "r.h5")
    loaded = pg.load(tmp_path / "r.h5")
    np.testing.assert_array_equal(loaded.positions_refined, result.positions_refined)
    np.testing.assert_array_equal(loaded.corners, result.model.scan.corners())
    assert np.abs(loaded.positions_refined - loaded.positions).max() > 0.1
    from h5py import File

    with File(tmp_path / "r.h5") as file:
        np.testing.assert_array_equal(file["entry/positions_refined"], result.positions_refined)
        assert file["entry/positions_refined"].attrs["units"] == "pixel"
    assert result.object.shape == tuple(np.add(problems.OBJECT, 10))
    figures = compare_with_truth(result, data)
    assert np.isfinite(figures["object_nrmse_scanned"])
    assert pg.plot.summary(loaded).axes[-2].get_title().startswith("corrections of positions")


def guarded(data, held, epochs=16):
    model = pg.models.with_refinable_positions(pg.far_field(data), 5)
    stages = pg.runs.with_position_validation((pg.Stage(4), pg.Stage(epochs, FREE)), held, model)
    return pg.Run(model, data, pg.Nesterov(), stages, 8, seed=2)


@pytest.mark.slow
def test_positions_that_help_are_kept(monkeypatch):
    """Twice as many patterns as elsewhere here: with fewer, refined positions make this object worse."""
    dense = problems.positions(3)
    monkeypatch.setattr(problems, "positions", lambda: dense)
    data, wrong = moved(problems)
    fitted, held = hold_out(data, 0.1)
    result = pg.perform(guarded(fitted, held, epochs=24))
    (change,) = result.settings["changes"]
    assert change["change"].startswith("refined positions kept")
    plain = pg.perform(pg.Run(pg.far_field(fitted), fitted, pg.Nesterov(), (pg.Stage(28),), 8, seed=2))
    used = fitted.photons > 0  # nobody refines the others
    assert error(result, wrong, used) < 0.5 * np.sqrt(np.mean(wrong[used] ** 2))
    refined, nominal = (compare_with_truth(one, data)["object_nrmse_scanned"] for one in (result, plain))
    assert refined < 0.9 * nominal


@pytest.mark.slow
@pytest.mark.parametrize("seed", EXACT)
def test_positions_that_were_right_are_put_back(seed):
    """Searched and refined they fit better, and held-out patterns that may move fit as well with those given."""
    data = problems.measurement(seed=seed)
    fitted, held = hold_out(data, 0.1, seed)
    model = pg.models.with_refinable_positions(pg.far_field(fitted), 4)
    stages = pg.runs.with_position_validation(
        pg.runs.with_position_search((pg.Stage(2), pg.Stage(38, FREE)), fitted, model), held, model
    )
    result = pg.perform(pg.Run(model, fitted, pg.Nesterov(), stages, 8, seed=seed))
    assert result.settings["changes"][-1]["change"].startswith("positions put back")
    assert not result.corrections.any()


@pytest.fixture(scope="module")
def harmed(tmp_path_factory):
    """A run with so few photons that positions, which are right, can only get worse; its result; its checkpoints."""
    run, checkpoints = guarded(*hold_out(problems.measurement(photons=150.0), 0.2), epochs=10), []
    path = tmp_path_factory.mktemp("harmed") / "r.h5"

    def keep(progress):
        progress.so_far().save(path)
        checkpoints.append(pg.load(path))

    return run, pg.perform(run, keep), checkpoints


@pytest.mark.slow
def test_positions_that_harm_are_put_back(harmed):
    _, result, _ = harmed
    (change,) = result.settings["changes"]
    assert change["change"].startswith("positions put back and refined no more: R of held-out patterns")
    assert not result.corrections.any()
    assert result.settings["trainable"] == ["object", "probe"]


@pytest.mark.slow
def test_a_judged_run_goes_on_from_its_checkpoints(harmed):
    """The decision is in the result: whatever comes after it knows it."""
    run, whole, checkpoints = harmed
    first = ["changes" in checkpoint.settings for checkpoint in checkpoints].index(True)
    for checkpoint in (checkpoints[1], checkpoints[first - 1], checkpoints[first + 1]):
        again = pg.perform(run, resume=checkpoint)
        assert {k: v.tobytes() for k, v in again.arrays.items()} == {k: v.tobytes() for k, v in whole.arrays.items()}
        assert json.dumps(again.settings, sort_keys=True) == json.dumps(whole.settings, sort_keys=True)


@pytest.mark.slow
def test_a_held_out_pattern_is_judged_at_its_own_position():
    """Nobody refined it: with the true object and wrong positions it is found at its own."""
    data, wrong = moved(problems)
    _, held = hold_out(data, 0.2)
    model = pg.models.with_refinable_positions(pg.far_field(data), 5)
    object = np.pad(problems.object_wave(), 5, mode="edge")
    truth = (jnp.asarray(object, jnp.complex64), jnp.asarray(problems.probe_wave()[None], jnp.complex64))
    model = eqx.tree_at(lambda model: (model.object.transmission, model.probe.modes), model, truth)
    refined = eqx.tree_at(lambda model: model.scan.offset, model, jnp.asarray(wrong, jnp.float32))
    unheld = np.where((held.photons > 0)[:, None], 0, wrong)
    fitted = eqx.tree_at(lambda model: model.scan.offset, model, jnp.asarray(unheld, jnp.float32))
    right, found, nominal = (pg.refinement.held_out_misfits(one, held).r_factor for one in (refined, fitted, model))
    assert found < 1.05 * right
    assert nominal > 1.5 * right


@pytest.mark.slow
def test_the_command_line_refines_and_judges(run, tmp_path):
    data, _ = moved(problems)
    from ptychograd.data.files import write

    write(tmp_path / "d.h5", data)
    status, out, err = run(
        "reconstruct", "d.h5", "--refine", "scan.offset", "--set", "model.positions.reach=4", "--epochs", 10
    )
    assert status == 0, err
    assert "held-out patterns" in out
    assert "refined positions kept" in out or "positions put back" in out
    assert "at the bound of 4 pixels" in out
    status, out, err = run("plot", "d_result.h5")
    assert status == 0, err
    status, out, err = run("compare", "d_result.h5", "d.h5")
    assert "scan.position error" in out
