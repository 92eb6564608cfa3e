"""Section 4.1 of the paper: every constant of the near-field experiment, patterns by hand, and its solution."""

from functools import partial

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.io import imsave

import ptychograd as pg
from ptychograd.core.errors import InputError
from ptychograd.paper import near_field
from ptychograd.paper.near_field import NearFieldExperiment

EXPERIMENT = NearFieldExperiment()
TINY = partial(NearFieldExperiment, frame=36, object_size=14, first=6, step=3, width=9.0, speckle=11, distance=0.018)


def without_noise(model, count, noise, seed):
    """In the place of `simulate`."""
    return np.stack([np.asarray(model(jnp.array(index))) for index in range(count)])


@pytest.fixture(scope="module")
def data():
    """The whole experiment, without noise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_field, "simulate", without_noise)
        return EXPERIMENT.dataset()


# Constants ------------------------------------------------------------------------------------------------


def test_constants_are_those_that_work():
    """Of the paper's lengths, which contradict each other, its author's code says which."""
    assert (EXPERIMENT.energy_kev, EXPERIMENT.pixel_size, EXPERIMENT.frame) == (8.7, 0.3e-6, 512)
    assert (EXPERIMENT.object_size, EXPERIMENT.first, EXPERIMENT.step, EXPERIMENT.steps) == (192, 52, 44, 5)
    assert (EXPERIMENT.width, EXPERIMENT.speckle, EXPERIMENT.flux) == (64, 40, 1e4)
    assert EXPERIMENT.phase_range == np.pi / 4
    assert EXPERIMENT.distance == pytest.approx(0.0468, abs=5e-4)
    assert EXPERIMENT.geometry.focus_distance == np.inf
    assert EXPERIMENT.geometry.wavelength == pytest.approx(0.14251e-9, rel=1e-5)
    assert EXPERIMENT.geometry.effective_distance == EXPERIMENT.distance


@pytest.mark.slow
def test_the_object_begins_52_96_140_184_and_228_pixels_into_the_patterns(data):
    """25 positions; in the first pattern the object's own first pixel is at (52, 52), later ones are further on."""
    assert data.patterns.shape == (25, 512, 512)
    corners = data.positions / 0.3e-6
    np.testing.assert_allclose(corners, np.round(corners), atol=1e-6)
    first = np.argwhere(data.support)[0]
    starts = first - np.round(corners).astype(int)
    expected = [[y, x] for y in (52, 96, 140, 184, 228) for x in (52, 96, 140, 184, 228)]
    np.testing.assert_array_equal(starts, expected)


@pytest.mark.slow
def test_nothing_wraps(data):
    """Every window lies in the array, and the whole object in every window, at least 92 pixels from its far edge."""
    corners = np.round(data.positions / 0.3e-6).astype(int)
    assert corners.min() == 0
    np.testing.assert_array_equal(corners.max(axis=0) + 512, data.support.shape)
    for y, x in corners:
        assert data.support[y : y + 512, x : x + 512].sum() == 192**2
        assert not data.support[y + 420 : y + 512, x : x + 512].any()
        assert not data.support[y : y + 512, x + 420 : x + 512].any()


@pytest.mark.slow
def test_the_object_has_magnitudes_to_one_phases_to_a_quarter_of_pi_and_a_bright_surround(data):
    inside = data.truth.object[data.support]
    assert inside.size == 192**2
    assert (np.abs(inside).min(), np.abs(inside).max()) == pytest.approx((0, 1), abs=1e-12)
    phase = np.angle(inside)[np.abs(inside) > 0.01]
    assert phase.min() > -1e-12
    assert 0.98 * np.pi / 4 < phase.max() <= np.pi / 4 + 1e-12
    np.testing.assert_array_equal(data.truth.object[~data.support], 1)


# Probe ----------------------------------------------------------------------------------------------------


def spectrum_before_the_envelope(experiment):
    """Of the speckle, the Gaussian divided out: what is left must be a square of unit frequencies."""
    n = experiment.frame
    r = np.arange(n) - n // 2
    envelope = np.exp(-(r[:, None] ** 2 + r**2) / (2 * experiment.width) ** 2)
    return np.fft.fftshift(np.fft.fft2(experiment.probe() / envelope, norm="ortho"))


def test_the_diffuser_has_exactly_its_band_of_frequencies_all_equally_strong():
    """20 x 20 in the reduced case, about the middle, with random phases."""
    experiment = NearFieldExperiment.reduced()
    magnitude = np.abs(spectrum_before_the_envelope(experiment))
    inside = magnitude > 0.5 * magnitude.max()
    assert inside.sum() == 20**2
    for axis in (0, 1):
        illuminated = np.flatnonzero(inside.any(axis=axis))
        assert len(illuminated) == 20
        assert abs(illuminated.mean() - 128) <= 0.5
    np.testing.assert_allclose(magnitude[inside], magnitude.max(), rtol=1e-6)
    assert magnitude[~inside].max() < 1e-6 * magnitude.max()
    phases = np.angle(spectrum_before_the_envelope(experiment)[inside])
    assert abs(np.mean(np.exp(1j * phases))) < 0.15


def test_the_probe_is_fully_developed_speckle_of_a_wide_beam(data):
    """10⁴ photons a pixel; sigma of 64 pixels; under the envelope the intensity scatters as much as its mean."""
    probe = data.truth.probe[0]
    assert data.truth.probe.shape == (1, 512, 512)
    power = np.abs(probe) ** 2
    assert power.sum() == pytest.approx(1e4 * 512**2, rel=1e-9)
    r = np.arange(512) - 256
    envelope = np.exp(-(r[:, None] ** 2 + r**2) / (2 * 64.0**2))
    bare = (power / envelope)[156:356, 156:356]
    assert bare.std() / bare.mean() == pytest.approx(1, abs=0.15)
    assert np.sqrt(np.sum(power * r**2) / power.sum()) == pytest.approx(64, rel=0.1)
    assert abs(np.sum(power * r) / power.sum()) < 12
    assert 500 < np.abs(probe).max() < 900, "about 650, as in Fig. 4c"


@pytest.mark.slow
def test_one_seed_gives_one_beam_and_one_measurement():
    one, same, other = (TINY().dataset(seed=seed) for seed in (0, 0, 1))
    assert one.patterns.tobytes() == same.patterns.tobytes()
    assert one.truth.probe.tobytes() == same.truth.probe.tobytes()
    assert np.abs(one.truth.probe - other.truth.probe).max() > 1
    assert "seed 1" in other.source


# Patterns -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [0, 8, 24])
def test_the_model_expects_the_pattern_by_hand(data, index):
    """The object put into a field of ones at its place, and exp(-iπλz f²) in NumPy."""
    row, column = 52 + 44 * (index // 5), 52 + 44 * (index % 5)
    exit_wave = np.array(data.truth.probe[0])
    first = np.argwhere(data.support)[0]
    interior = data.truth.object[first[0] : first[0] + 192, first[1] : first[1] + 192]
    exit_wave[row : row + 192, column : column + 192] *= interior
    f = np.fft.fftfreq(512, 0.3e-6)
    kernel = np.exp(-1j * np.pi * EXPERIMENT.geometry.wavelength * 0.047 * np.add.outer(f**2, f**2))
    expected = np.abs(np.fft.ifft2(np.fft.fft2(exit_wave) * kernel)) ** 2
    np.testing.assert_allclose(data.patterns[index], expected, rtol=2e-3, atol=2e-5 * expected.max())


@pytest.mark.slow
def test_counts_scatter_like_photons():
    """Means of what a hundred simulations count, about what the model of the truth expects."""
    data = TINY(steps=2).dataset()
    assert data.patterns.dtype.kind == "u"
    model = pg.near_field(data, object=lambda shape: data.truth.object, probe=None)
    assert model.object.transmission.shape == data.truth.object.shape
    model = eqx.tree_at(lambda m: m.probe.modes, model, jnp.asarray(data.truth.probe, jnp.complex64))
    expected = np.stack([eqx.filter_jit(model)(jnp.array(index)) for index in range(4)]).astype(float)
    bright = expected > 20
    score = (data.patterns - expected)[bright] / np.sqrt(expected[bright])
    assert score.size > 1000
    assert score.std() == pytest.approx(1, abs=5 / np.sqrt(2 * score.size))
    assert abs(score.mean()) < 5 / np.sqrt(score.size)


def test_the_reduced_case_is_half_of_every_length_in_pixels():
    """So the grain stays 12.8 pixels, and so do pixel, distance and flux; what is given replaces."""
    half = NearFieldExperiment.reduced()
    for name in ("frame", "object_size", "first", "step", "width", "speckle"):
        assert 2 * getattr(half, name) == getattr(EXPERIMENT, name)
    for name in ("pixel_size", "distance", "flux", "steps", "energy_kev", "phase_range"):
        assert getattr(half, name) == getattr(EXPERIMENT, name)
    assert NearFieldExperiment.reduced(distance=0.094, frame=300).frame == 300


@pytest.mark.parametrize("flux", [0.0, -1.0, np.inf, np.nan])
def test_a_flux_that_is_none_is_refused(flux):
    with pytest.raises(InputError, match=r"photons a pixel; expected a number above zero"):
        NearFieldExperiment(flux=flux)


@pytest.mark.slow
def test_magnitude_may_come_from_a_file(tmp_path):
    image = np.zeros((20, 24), np.uint8)
    image[:, 12:] = 255
    imsave(tmp_path / "image.png", image, check_contrast=False)
    data = TINY().dataset(magnitude=tmp_path / "image.png")
    interior = np.abs(data.truth.object[data.support]).reshape(14, 14)
    assert interior[:, :6].max() < 0.1 < 0.9 < interior[:, 8:].min()


# Reconstruction -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_default_solver_finds_object_and_probe_of_the_reduced_case():
    """At twice the distance, 150 epochs of batches of five, from the mean pattern and a random object."""
    data = NearFieldExperiment.reduced(distance=0.094).dataset()
    result = pg.reconstruct(pg.near_field(data), data, pg.Nesterov(), epochs=150, batch_size=5)
    box = np.ix_(*(np.flatnonzero(data.support.any(axis=axis)) for axis in (1, 0)))
    assert pg.nrmse(data.truth.object[box], result.object[box]) < 0.01
    assert pg.nrmse(data.truth.probe[0], result.probe[0]) < 0.07
