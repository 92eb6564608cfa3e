"""Figures that the documents quote, from the commands' own settings."""

import numpy as np
import pytest

import ptychograd as pg
from ptychograd.paper.far_field import FarFieldExperiment
from ptychograd.quality.comparison import compare_with_truth

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data():
    return FarFieldExperiment().dataset()


def test_epie_reaches_the_papers_figure(data):
    """150 epochs at 1e6 photons, the probe held in the first: the paper reports 0.06 and 0.04."""
    first = pg.reconstruct(pg.far_field(data), data, pg.PIE(), epochs=1, trainable=("object",))
    last = pg.reconstruct(first.model, data, pg.PIE(), epochs=149, resume=first)
    figures = compare_with_truth(last, data)
    assert figures["object_nrmse"] < 0.03
    assert figures["probe_nrmse"] < 0.05


@pytest.mark.parametrize(("photons", "limits"), [(1e3, (0.29, 0.27)), (1e6, (0.018, 0.011)), (1e9, (0.001, 0.0005))])
def test_default_solver_reaches_the_noise(photons, limits):
    """One setting from 1e3 to 1e9 photons, 60 epochs, started like the paper."""
    data = FarFieldExperiment(photons=photons).dataset(seed=1)
    result = pg.reconstruct(pg.far_field(data), data, pg.Nesterov(), epochs=60, batch_size=16)
    figures = compare_with_truth(result, data)
    assert figures["object_nrmse"] < limits[0]
    assert figures["probe_nrmse"] < limits[1]


def test_poisson_likelihood_beats_amplitudes(data):
    """From a solution for amplitudes, 20 epochs with the likelihood of counting halve the probe's error."""
    start = pg.reconstruct(pg.far_field(data), data, pg.Nesterov(), epochs=40, batch_size=16, planned=60)
    before = compare_with_truth(start, data)
    last = pg.reconstruct(
        start.model, data, pg.Nesterov(), epochs=20, batch_size=16, noise=pg.Poisson(), resume=start, planned=60
    )
    after = compare_with_truth(last, data)
    assert after["probe_nrmse"] < 0.006 < before["probe_nrmse"] / 1.5
    assert after["object_nrmse"] < 0.015


@pytest.mark.data
@pytest.mark.slow
def test_siemens_star_with_three_modes(shared_data):
    """Measured data: R after 10 epochs (one mode: 0.110), spokes darker than the gaps and of negative phase."""
    keys = {"patterns": "intensity", "positions": "position_px", "probe": "probe_guess"}
    data = pg.read(shared_data / "siemens_star" / "siemens_star.npz", keys)
    result = pg.reconstruct(pg.far_field(data, modes=3), data, pg.Nesterov(), epochs=10, batch_size=16)
    assert result.history.r_factor[-1] < 0.096
    middle = result.object[100:350, 100:350]
    phase = np.angle(pg.plot.without_ramp(middle, np.ones(middle.shape, bool)))
    gold = phase < np.median(phase) - 0.4
    assert 0.1 < gold.mean() < 0.5
    assert np.abs(middle[gold]).mean() < 0.95 * np.abs(middle[~gold]).mean()
