"""For how many epochs the probe is held where nobody says it."""

import numpy as np
import pytest

import ptychograd as pg
from ptychograd.data.patterns import contrast

OBJECT = ("object",)


def scan(transmissions):
    """Patterns of 16 x 18 pixels whose photons go with these transmissions of the sample, without noise."""
    rng = np.random.default_rng(0)
    one = rng.uniform(50, 150, (16, 18))
    patterns = np.round(one * np.array(transmissions)[:, None, None]).astype(np.uint32)
    places = 4.0 * np.stack(np.meshgrid(np.arange(len(transmissions) // 4), np.arange(4), indexing="ij"), -1)
    return pg.make_dataset(patterns, places.reshape(-1, 2))


def uneven():
    return scan([0.1, 1.0] * 8)


def held(data, **said):
    """Epochs of the stages that refine the object alone."""
    stages = pg.Plan(**said).make_run(data).stages
    return sum(stage.epochs for stage in stages if stage.trainable == OBJECT)


def test_contrast_is_the_standard_deviation_over_the_mean():
    assert contrast(uneven()) == pytest.approx(0.45 / 0.55, rel=1e-3)


def test_noise_of_photons_is_no_contrast():
    rng = np.random.default_rng(1)
    patterns = rng.poisson(0.2, (400, 8, 8)).astype(np.uint32)
    data = pg.make_dataset(patterns, np.stack(np.meshgrid(*[np.arange(20.0)] * 2), -1).reshape(-1, 2))
    assert np.std(data.photons) / np.mean(data.photons) > 0.25
    assert contrast(data) < 0.1


def test_the_probe_is_held_at_first_where_the_sample_absorbs():
    assert held(uneven()) == 2
    assert held(scan([0.8, 1.0] * 8)) == 0


@pytest.mark.parametrize(
    "said",
    [
        {"fit": {"hold_probe": 0}},
        {"fit": {"epochs": 29}},
        {"model": {"start": {"object": "random"}}},
    ],
)
def test_it_is_not_where_you_say_so_where_epochs_are_few_or_the_object_does_not_begin_flat(said):
    assert held(uneven(), **said) == 0


def test_near_fields_hold_no_probe():
    beam = pg.NearFieldGeometry(1e-10, 0.05, (1e-6, 1e-6))
    data = uneven()
    assert held(pg.make_dataset(np.asarray(data.patterns), data.positions * 1e-6, geometry=beam)) == 0


def test_other_solvers_hold_it_for_the_longer_of_both():
    assert held(uneven(), fit={"solver": {"kind": "rpie"}}) == 2
    assert held(scan([0.8, 1.0] * 8), fit={"solver": {"kind": "rpie"}}) == 1


def stopped_after(epochs, plan, tmp_path):
    """The result of a run that was interrupted there, as it is read from its file."""

    def stop(progress):
        if progress.epoch == epochs:
            raise KeyboardInterrupt

    result = plan.run(stop)
    result.save(tmp_path / "part.h5")
    return pg.load(tmp_path / "part.h5")


def test_a_run_goes_on_as_it_was_begun_whatever_would_be_held_now(tmp_path, monkeypatch):
    pg.write(tmp_path / "scan.h5", uneven())
    plan = pg.Plan(data={"paths": [str(tmp_path / "scan.h5")]}, fit={"epochs": 30})
    whole = plan.run()
    part = stopped_after(3, plan, tmp_path)
    monkeypatch.setattr("ptychograd.runs.plan.stages.UNEVEN", 10.0)
    there = plan.run(resume=part)
    np.testing.assert_array_equal(there.object, whole.object)
    assert there.settings["probe_held"] == 2


def test_a_run_of_earlier_code_goes_on_without_what_is_held_since_then(tmp_path, monkeypatch):
    pg.write(tmp_path / "scan.h5", uneven())
    plan = pg.Plan(data={"paths": [str(tmp_path / "scan.h5")]}, fit={"epochs": 30})
    with monkeypatch.context() as before:
        before.setattr("ptychograd.runs.plan.stages.UNEVEN", 10.0)
        part = stopped_after(3, plan, tmp_path)
    part = part._replace(settings={name: part.settings[name] for name in part.settings if name != "probe_held"})
    assert plan.run(resume=part).history.epochs == 30
