"""A result whose probe is told in another plane shows it where the object is."""

import numpy as np
import pytest

import ptychograd as pg
from ptychograd.paper.far_field import FarFieldExperiment
from ptychograd.physics.roles import ByPath
from ptychograd.quality.comparison import compare_with_truth

FEW = {"box": 70, "object_size": 32, "frame": 40}
PUPIL, TERMS = 2e5, {5: 0.4, 7: -0.3}


@pytest.fixture(scope="module")
def data():
    change = lambda model: pg.models.with_aberrations(model, 0.0, TERMS, PUPIL)  # noqa: E731
    return FarFieldExperiment(**FEW).dataset(change=change)


@pytest.fixture(scope="module")
def result(data):
    """One epoch of a probe 30 mm off its plane of reference, with an aberration."""
    model = pg.models.with_aberrations(pg.far_field(data), 0.03, {5: 0.2}, PUPIL)
    return pg.reconstruct(model, data, pg.Nesterov(), epochs=1)


@pytest.mark.slow
def test_the_probe_of_a_result_is_the_wave_on_the_object(result):
    """The model's own forward code, in JAX, is the other witness."""
    wave = np.asarray(result.model.probe(0))
    assert np.abs(result.probe - wave).max() < 1e-5 * np.abs(wave).max()
    assert np.abs(result.probe - result.arrays["probe.modes"]).max() > 0.1 * np.abs(wave).max()


@pytest.mark.slow
def test_a_saved_result_still_knows_it_and_goes_into_its_model(result, tmp_path):
    result.save(tmp_path / "r.h5")
    loaded = pg.load(tmp_path / "r.h5")
    np.testing.assert_array_equal(loaded.probe, result.probe)
    again = loaded.onto(result.model)
    np.testing.assert_array_equal(again.probe.modes, result.arrays["probe.modes"])


@pytest.mark.slow
def test_a_truth_with_aberrations_holds_the_aberrated_wave(data):
    """Independent: the phase of the truth's spectrum against that of the plain experiment's probe."""
    plain = FarFieldExperiment(**FEW).dataset().truth.probe[0]
    there, here = (np.fft.fft2(wave) for wave in (data.truth.probe[0], plain))
    np.testing.assert_allclose(np.abs(there), np.abs(here), atol=1e-3 * np.abs(here).max())
    bright = np.abs(here) > 0.05 * np.abs(here).max()
    assert np.ptp(np.angle(there[bright] / here[bright])) > 0.5


@pytest.mark.slow
def test_compare_finds_no_error_in_the_true_probe(data, result):
    """A result that holds the truth, told 30 mm upstream with other aberrations, is compared where the object is."""
    plain = FarFieldExperiment(**FEW).dataset()
    true = pg.models.with_aberrations(
        pg.far_field(plain, probe=lambda data, pixel: plain.truth.probe[0]), 0.03, TERMS, PUPIL
    )
    told = result.of(true, data.positions, {}, result.history, result.settings)
    assert compare_with_truth(told, data)["probe_nrmse"] < 1e-3
    beam = told.recorded_roles["illumination"] | {"array": ByPath("probe.modes")}
    in_reference = told._replace(recorded_roles=told.recorded_roles | {"illumination": beam})
    assert compare_with_truth(in_reference, data)["probe_nrmse"] > 0.1


@pytest.mark.slow
def test_a_plain_probe_costs_nothing(data):
    assert "probe.illumination" not in pg.reconstruct(pg.far_field(data), data, pg.Nesterov(), epochs=1).arrays


@pytest.mark.parametrize(("count", "text"), [(1000, "fewer than there are patterns, 36")])
def test_variations_are_bounded_by_the_patterns(data, count, text):
    with pytest.raises(pg.InputError, match=text):
        pg.models.with_varying_probe(pg.far_field(data), count)


def test_variations_are_bounded_by_memory(data, monkeypatch):
    monkeypatch.setattr("ptychograd.models.effects.probes.available_memory", lambda: 10**5)
    with pytest.raises(pg.InputError, match=r"need about .* GB, and .* are free; give fewer"):
        pg.models.with_varying_probe(pg.far_field(data), 5)
