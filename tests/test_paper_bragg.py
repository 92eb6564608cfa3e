"""The paper's Bragg experiment, reduced: what is simulated, and the crystal found again."""

import dataclasses

import numpy as np
import pytest

import ptychograd as pg
from ptychograd.metrics import register
from ptychograd.paper.bragg import BraggExperiment, faceted, strain


@pytest.fixture(scope="module")
def measured():
    return BraggExperiment.reduced().measurement(1)


def test_the_whole_experiment_has_the_papers_sizes():
    experiment = BraggExperiment()
    assert experiment.scan[0] * experiment.scan[1] * experiment.angles == 14760
    assert np.degrees(experiment.geometry.rocking[-1]) == pytest.approx(0.14)
    assert experiment.geometry.voxel((64, 64)) == pytest.approx(66.04e-9, rel=1e-3)


def test_the_reduced_measurement(measured):
    """3,780 patterns in groups of 15; the rocking curve is brightest near its middle and, aliased, at its ends."""
    data, truth, start = measured
    assert data.patterns.shape == (3780, 32, 32)
    assert truth.group == start.group == 15
    assert np.sum(np.abs(truth.probe.modes) ** 2) == pytest.approx(1e4, rel=1e-5)
    curve = data.photons.reshape(-1, 15).mean(axis=0)
    assert curve[6:9].min() > 3 * curve[3:5].max()
    assert not np.allclose(start.object.density, truth.object.density)
    inside = np.asarray(truth.object.support)
    assert not np.asarray(truth.object.density)[~inside].any()


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
    phase = np.angle(strain((8, 9, 10), np.random.default_rng(0)))
    assert np.ptp(phase) == pytest.approx(3.0, rel=1e-6)


def test_the_crystal_is_found_with_the_probe_known(measured):
    """To the noise of its photons, up to a shift along the beam: started at the truth it would be 0.07."""
    data, truth, start = measured
    solver = pg.Nesterov(momentum=0.95, step_size=0.35, floor=0.1)
    result = pg.reconstruct(start, data, solver, epochs=40, batch_size=195, trainable=("object",))
    support = np.asarray(truth.object.support)
    box = np.ix_(*(np.flatnonzero(support.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)))
    shift, error = register(np.asarray(truth.object.density)[box], result.arrays["object.density"][box])
    assert error < 0.1
    assert np.abs(shift).max() < 0.2


def test_patterns_that_make_no_whole_groups_are_refused(measured):
    data = pg.subset(measured.data, np.arange(31))
    with pytest.raises(pg.InputError, match="takes 15 patterns together, and 31 can't be divided"):
        pg.reconstruct(measured.start, data, pg.Nesterov(), epochs=1, batch_size=15, trainable=("object",))
    with pytest.raises(pg.InputError, match="takes 15 patterns together, and 31 can't be divided"):
        pg.simulate(measured.truth, 31)


def test_a_mask_for_each_pattern_goes_with_its_group(measured):
    """Patterns that are masked whole leave no trace: the loss is that of the others."""
    data = pg.subset(measured.data, np.arange(60))
    mask = np.ones(data.patterns.shape, bool)
    mask[7], mask[33] = False, False
    solver = pg.Still()
    whole, less, rest = (
        pg.reconstruct(measured.start, one, solver, epochs=1, batch_size=30, trainable=("object",)).history.loss[0]
        for one in (data, dataclasses.replace(data, mask=mask), dataclasses.replace(data, mask=~mask))
    )
    assert less + rest == pytest.approx(whole, rel=1e-5)
    assert rest > 0
