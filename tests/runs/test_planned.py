"""A plan makes the run that a person would put together from its parts, and its result makes it again."""

import logging

import numpy as np
import pytest

import problems
import ptychograd as pg
from problems import measurement
from ptychograd.runs.setting_names import HELD_OUT, PLAN


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    path = tmp_path_factory.mktemp("plan") / "scan.h5"
    pg.write(path, measurement())
    return path


def planned(path, **sections) -> pg.Plan:
    return pg.Plan(**{"data": {"paths": path}, **sections})


def assert_same(one, other):
    assert one.arrays.keys() == other.arrays.keys()
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, other.arrays[name], err_msg=name)


def test_a_plan_is_the_run_that_is_put_together_by_hand(scan):
    plan = planned(scan, seed=5, fit={"epochs": 3, "batch_size": 8, "solver": {"momentum": 0.7}})
    data = pg.read(scan)
    run = pg.Run(pg.far_field(data), data, pg.Nesterov(momentum=0.7), (pg.Stage(3, ("object", "probe")),), 8, 5)
    assert_same(plan.run(), pg.perform(run))


def test_stages_are_spelled_out(scan):
    stages = [
        {"epochs": 2, "refine": ["object"], "noise": "amplitude"},
        {"epochs": 2, "noise": "poisson", "solver": {"kind": "rpie", "alpha": 0.3}, "batch_size": 5},
    ]
    data = pg.read(scan)
    expected = (
        pg.Stage(2, ("object",)),
        pg.Stage(2, ("object", "probe"), pg.Poisson(), solver=pg.solvers.PIE(0.3), batch_size=5),
    )
    made = planned(scan, fit={"stages": stages, "batch_size": 7}).make_run(data)
    assert made.summary == pg.Run(pg.far_field(data), data, pg.Nesterov(), expected, 7).summary


def test_stages_and_epochs_say_the_same_twice(scan):
    with pytest.raises(pg.InputError, match=r"`fit\.stages` and `fit\.epochs` are both given"):
        planned(scan, fit={"stages": [{"epochs": 2}], "epochs": 3}).check()


@pytest.mark.slow
def test_positions_that_are_refined_are_searched_and_judged(scan):
    run = pg.runs.PlannedRun.of(planned(scan, fit={"epochs": 4, "refine": ["scan.offset"]}), pg.read(scan))
    actions = [type(action).__name__ for stage in run.run.stages for action in stage.first]
    assert "PositionSearch" in actions
    assert "PositionValidation" in actions
    assert run.held is not None
    result = run.validated(run.perform())
    assert 0 < result.settings[HELD_OUT] < 1


def test_nothing_is_held_out_where_nothing_is_to_be_judged(scan):
    plan = planned(
        scan,
        fit={"epochs": 4, "refine": ["scan.offset"]},
        validation={"position_test": False, "position_search": False},
    )
    run = pg.runs.PlannedRun.of(plan, pg.read(scan))
    assert run.held is None
    assert not any(stage.first for stage in run.run.stages)


@pytest.mark.slow
def test_a_result_makes_its_run_again(scan, tmp_path):
    plan = planned(scan, fit={"epochs": 2}, validation={"hold_out": 0.1}, output={"result": str(tmp_path / "one.h5")})
    plan.run()
    first = pg.load(tmp_path / "one.h5")
    again = pg.Plan.of(first.settings[PLAN]).run()
    assert_same(first, again)
    np.testing.assert_array_equal(first.history.loss, again.history.loss)
    assert first.settings == pg.load(tmp_path / "one.h5").settings


def test_the_library_logs_what_was_guessed(scan, caplog):
    with caplog.at_level(logging.INFO, logger="ptychograd"):
        planned(scan, data={"paths": scan, "mask": {"beam_stop": 2.0}}).read()
    assert any("`data.mask.beam_stop` 2" in record.getMessage() for record in caplog.records)


def test_a_run_begins_where_another_ended(scan, tmp_path):
    earlier = planned(scan, fit={"epochs": 6}).run()
    earlier.save(tmp_path / "earlier.h5")
    start = planned(scan, model={"start": {"result": str(tmp_path / "earlier.h5")}}).make_model(pg.read(scan))
    np.testing.assert_allclose(start.object.transmission, earlier.arrays["object.transmission"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(start.probe.modes, earlier.arrays["probe.modes"], rtol=1e-4, atol=1e-3)


def test_an_array_of_ones_own_is_the_start_probe(scan):
    probe = np.random.default_rng(3).normal(size=(20, 18)) + 0.5j
    model = planned(scan, model={"start": {"probe": probe}}).make_model(pg.read(scan))
    wave = np.asarray(model.probe.modes[0])
    np.testing.assert_allclose(wave / np.linalg.norm(wave), probe / np.linalg.norm(probe), atol=1e-6)


def test_units_follow_a_path(tmp_path):
    items = {"patterns": np.ones((3, 8, 10), np.uint16), "there": [[0.0, 0.0], [1.5, 0.0], [0.0, 2.5]]}
    np.savez(tmp_path / "scan.npz", **items)
    keys = {"patterns": "patterns", "positions": "there:um"}
    lengths = {"wavelength": "0.15 nm", "distance": "2 m", "pixel_size": "75 um"}
    data = planned(tmp_path / "scan.npz", data={"paths": tmp_path / "scan.npz", "keys": keys}, geometry=lengths).read()
    np.testing.assert_allclose(data.positions, 1e-6 * np.array(items["there"]), atol=1e-12)
    assert data.geometry.wavelength == pytest.approx(1.5e-10)


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"fit": {"solver": {"alpha": 0.1}}}, "`fit.solver.alpha` is for rpie; nesterov takes none"),
        ({"fit": {"solver": {"kind": "adam"}}}, "adam needs step sizes"),
        ({"fit": {"priors": {"tv": -1.0}}}, "`fit.priors.tv` -1: expected a number above zero"),
        ({"fit": {"priors": {"tw": 1.0}}}, '"tw" is unknown'),
        ({"fit": {"refine": ["scan.ofset"]}}, "did you mean scan.offset"),
        ({"fit": {"refine_after": 3}}, "`fit.refine_after` needs `fit.refine` beside it"),
        ({"model": {"object": {"slices": 2}}}, "needs `model.object.slice_distance` beside it"),
        ({"model": {"detector": {"readout": 2.0}}}, "needs `fit.noise` poisson-gaussian or `fit.noise` gaussian"),
        ({"validation": {"hold_out": 0.7}}, "`validation.hold_out` 0.7: expected 0 to 0.5"),
        ({"machine": {"devices": 0}}, "`machine.devices` 0: expected 1 or more"),
        ({"machine": {"gpu_memory": 2.0}}, "`machine.gpu_memory` 2: expected a number above 0 and of at most 1"),
    ],
)
def test_fields_that_do_not_go_together(sections, expected):
    with pytest.raises(pg.InputError, match=expected):
        pg.Plan(**sections).check()


def test_an_error_in_what_is_called_after_an_epoch_is_told_with_its_name(tmp_path):
    pg.write(tmp_path / "scan.h5", problems.measurement())
    plan = pg.Plan(data={"paths": [str(tmp_path / "scan.h5")]}, fit={"epochs": 1})
    planned = pg.runs.PlannedRun.of(plan, plan.read())

    def broken(progress):
        raise ZeroDivisionError("by hand")

    with pytest.raises(ZeroDivisionError) as problem:
        planned.perform(broken)
    assert any("broken, as `on_epoch` after epoch 1" in note for note in problem.value.__notes__)
