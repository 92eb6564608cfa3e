"""The paper's Bragg experiment, reduced: what is simulated, and the crystal found again."""

import dataclasses

import numpy as np
import pytest

import ptychograd as pg
from ptychograd.paper.bragg import BraggExperiment, faceted, phase_factor
from ptychograd.quality.comparison import compare_with_truth
from ptychograd.runs.stages import crystal_stages

pytestmark = pytest.mark.slow  # the reduced measurement alone takes ten seconds


@pytest.fixture(scope="module")
def data():
    return BraggExperiment.reduced().dataset(1)


@pytest.fixture(scope="module")
def model(data):
    with pytest.warns(UserWarning, match="8 of 15 rocking angles alias in depth"):
        return pg.bragg(data)


def test_the_whole_experiment_has_the_papers_sizes():
    experiment = BraggExperiment()
    assert experiment.scan[0] * experiment.scan[1] * experiment.angles == 14760
    assert np.degrees(experiment.geometry.rocking[-1]) == pytest.approx(0.14)
    assert experiment.geometry.voxel((64, 64)) == pytest.approx((66.04e-9,) * 3, rel=1e-3)
    assert BraggExperiment.reduced().geometry.voxel((32, 32)) == experiment.geometry.voxel((64, 64))


def test_the_reduced_measurement(data, model):
    """3,780 patterns in groups of 15; the rocking curve is brightest near its middle and, aliased, at its ends."""
    assert data.patterns.shape == (3780, 32, 32)
    assert data.group == model.group == 15
    assert np.sum(np.abs(data.truth.probe) ** 2) == pytest.approx(1e4, rel=1e-5)
    np.testing.assert_array_equal(data.probe, data.truth.probe)
    curve = data.photons.reshape(-1, 15).mean(axis=0)
    assert curve[6:9].min() > 3 * curve[3:5].max()
    assert curve[[0, -1]].min() > 3 * curve[3:5].max()
    assert not data.truth.object[~data.support].any()
    assert np.abs(data.truth.object).max() == pytest.approx(0.5)


def test_the_truth_explains_the_measurement(data, model):
    """The recipe's model is that of the simulation, with the crystal in it: what is left is the noise of photons."""
    with pytest.warns(UserWarning, match="alias"):
        truth = pg.bragg(data, object=lambda shape: data.truth.object)
    result = pg.reconstruct(truth, data, pg.solvers.EvaluateOnly(), epochs=1, batch_size=240, trainable=("object",))
    assert result.history.chi_squared[-1] == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(truth.object.density, data.truth.object, atol=2e-3)
    assert model.window == (40, 32)


def test_one_seed_makes_one_crystal(data):
    """Another seed another crystal, another beam and other noise."""
    small = BraggExperiment.reduced(angles=2, scan=(2, 2))
    one, same, other = (small.dataset(seed) for seed in (1, 1, 2))
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert np.abs(one.truth.object - other.truth.object).max() > 0.1
    assert np.abs(one.probe - other.probe).max() > 0.1


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"photons": 0.0}, "0 photons in the probe; expected a number above zero"),
        ({"photons": np.inf}, "inf photons"),
        ({"background": -1.0}, "A background of -1 photons a pixel"),
    ],
)
def test_an_experiment_that_can_not_be_is_refused(changes, text):
    with pytest.raises(pg.InputError, match=text):
        BraggExperiment.reduced(**changes)


def test_a_crystal_is_convex_and_fills_a_third_of_its_box():
    solid = faceted((12, 26, 20), np.random.default_rng(0))
    assert solid.mean() == pytest.approx(1 / 3, abs=0.01)
    inside = np.argwhere(solid)
    pairs = np.random.default_rng(1).integers(0, len(inside), (500, 2))
    ends = inside[pairs]
    even = (ends.sum(axis=1) % 2 == 0).all(axis=1)  # whose middle is a voxel
    middles = ends[even].sum(axis=1) // 2
    assert len(middles) > 20
    assert solid[tuple(middles.T)].all()


def test_the_strain_has_its_span():
    phase = np.angle(phase_factor((8, 9, 10), np.random.default_rng(0)))
    assert np.ptp(phase) == pytest.approx(3.0, rel=1e-6)


@pytest.mark.slow
def test_the_crystal_is_found_with_the_probe_known(data, model):
    """To the noise of its photons, in all of it and in its core."""
    result = pg.perform(pg.Run(model, data, pg.Nesterov(), crystal_stages(40), 240, 1))
    figures = compare_with_truth(result, data)
    assert figures["object_nrmse"] <= 0.075
    assert figures["core_nrmse"] <= 0.02
    assert abs(figures["shift_along_beam"]) < 0.2
    assert figures["shift_across_beam"] < 0.2


def test_a_mask_for_each_pattern_goes_with_its_group(data, model):
    """Patterns that are masked whole leave no trace: the loss is that of the others."""
    mask = np.ones(data.patterns.shape, bool)
    mask[7], mask[33] = False, False
    whole, less, rest = (
        pg.reconstruct(
            model, one, pg.solvers.EvaluateOnly(), epochs=1, batch_size=240, trainable=("object",)
        ).history.loss[0]
        for one in (data, dataclasses.replace(data, mask=mask), dataclasses.replace(data, mask=~mask))
    )
    assert less + rest == pytest.approx(whole, rel=1e-5)
    assert rest > 0
