"""Section 3.3 of the paper: every constant of the far-field experiment, and one pattern by hand."""

import jax.numpy as jnp
import numpy as np
import pytest
from skimage.io import imsave

from ptychograd.core.errors import InputError
from ptychograd.paper.far_field import FarFieldExperiment
from ptychograd.physics.noise import AbstractNoise

EXPERIMENT = FarFieldExperiment()
PIXEL = 0.59109e-6


SMALL = {"object_size": 16, "step": 18}  # 8 x 8 positions; those in the corners see nothing of the object


class Exact(AbstractNoise):
    """Whole photons, as expected."""

    curvature = 1.0

    def nll(self, expected, measured):
        return expected - measured

    def fisher(self, expected):
        return expected

    def sample(self, key, expected):
        return jnp.round(expected).astype(jnp.int32)


@pytest.fixture(scope="module")
def data():
    """The whole experiment, without noise."""
    return EXPERIMENT.dataset(noise=Exact())


@pytest.fixture(scope="module")
def small():
    """With noise, of a small object in the middle of the box."""
    return FarFieldExperiment(**SMALL).dataset()


def test_constants_are_those_of_the_paper():
    assert (EXPERIMENT.energy_kev, EXPERIMENT.distance, EXPERIMENT.pixel_size) == (8.7, 14.6, 55e-6)
    assert (EXPERIMENT.frame, EXPERIMENT.object_size, EXPERIMENT.box, EXPERIMENT.step) == (64, 128, 190, 6)
    assert (EXPERIMENT.aperture, EXPERIMENT.defocus, EXPERIMENT.photons) == (7e-6, 0.15, 1e6)
    assert EXPERIMENT.phase_range == np.pi
    assert EXPERIMENT.geometry.wavelength == pytest.approx(0.14251e-9, rel=1e-5)
    assert EXPERIMENT.geometry.energy_kev == pytest.approx(8.7, rel=1e-7)


@pytest.mark.slow
def test_the_scan_has_22_by_22_positions_of_six_pixels_from_edge_to_edge(data):
    assert data.patterns.shape == (484, 64, 64)
    corners = data.positions / PIXEL
    np.testing.assert_allclose(corners[[0, 1, 22, -1]], [[0, 0], [0, 6], [6, 0], [126, 126]], atol=1e-2)
    steps = np.arange(22) * 6
    expected = np.stack(np.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2)
    np.testing.assert_allclose(corners, expected, atol=1e-2)
    assert data.positions[1, 1] == pytest.approx(3.5e-6, rel=0.02)


def test_the_object_lies_in_rows_and_columns_31_to_158_of_a_bright_box(data):
    assert data.truth.object.shape == data.support.shape == (190, 190)
    for axis in (0, 1):
        np.testing.assert_array_equal(np.flatnonzero(data.support.any(axis=axis)), np.arange(31, 159))
    assert data.support.sum() == 128**2
    np.testing.assert_array_equal(data.truth.object[~data.support], 1)


def test_the_object_has_magnitudes_to_one_and_phases_to_pi(data):
    inside = data.truth.object[data.support]
    assert (np.abs(inside).min(), np.abs(inside).max()) == pytest.approx((0, 1), abs=1e-12)
    phase = np.angle(inside)[np.abs(inside) > 0.01]
    assert phase.min() > -1e-12
    assert 0.99 * np.pi < phase.max() <= np.pi + 1e-12


def square():
    opening = np.zeros((64, 64), complex)
    opening[26:38, 26:38] = 1
    return opening


def test_the_start_probe_is_the_aperture_with_all_photons(data):
    assert data.probe.shape == (1, 64, 64)
    np.testing.assert_allclose(data.probe[0], square() * np.sqrt(1e6 / 144), rtol=1e-12)


def test_the_true_probe_is_the_aperture_seen_from_15_centimetres(data):
    """exp(-iπλz f²) on the spectrum of the square (Eq. 14), and 10⁶ photons."""
    f = np.fft.fftfreq(64, EXPERIMENT.geometry.wavelength * 14.6 / (64 * 55e-6))
    kernel = np.exp(-1j * np.pi * EXPERIMENT.geometry.wavelength * 0.15 * np.add.outer(f**2, f**2))
    wave = np.fft.ifft2(np.fft.fft2(square()) * kernel) * np.sqrt(1e6 / 144)
    np.testing.assert_allclose(data.truth.probe, [wave], atol=1e-6)
    assert np.sum(np.abs(data.truth.probe) ** 2) == pytest.approx(1e6, rel=1e-12)


def by_hand(data, index):
    """Expected photons of one pattern, the zero frequency at pixel (32, 32)."""
    y, x = np.round(data.positions[index] / PIXEL).astype(int)
    exit_wave = data.truth.probe[0] * data.truth.object[y : y + 64, x : x + 64]
    return np.fft.fftshift(np.abs(np.fft.fft2(exit_wave, norm="ortho")) ** 2)


@pytest.mark.parametrize("index", [0, 30, 7 * 22 + 15, 483])
def test_the_model_expects_the_pattern_by_hand(data, index):
    expected = by_hand(data, index)
    np.testing.assert_allclose(data.patterns[index], expected, rtol=1e-4, atol=0.51)
    assert expected.max() > 3000


@pytest.mark.parametrize("index", [0, 27])
def test_counts_scatter_like_photons_about_the_pattern_by_hand(small, index):
    expected, counts = by_hand(small, index), small.patterns[index].astype(float)
    bright = expected > 20
    score = (counts - expected)[bright] / np.sqrt(expected[bright])
    assert np.abs(score).max() < 6
    assert score.std() == pytest.approx(1, abs=5 / np.sqrt(2 * score.size))
    dark = expected[~bright].sum()
    assert counts[~bright].sum() == pytest.approx(dark, abs=5 * np.sqrt(dark))


def test_brightness_is_that_of_the_papers_data(data):
    """The object absorbs two thirds of 10⁶ photons; the brightest pixel counts about 3·10⁴."""
    assert data.patterns.dtype == np.uint16
    assert data.photons.mean() == pytest.approx(3.4e5, rel=0.1)
    assert data.patterns.max() == pytest.approx(2.9e4, rel=0.15)
    assert data.photons.max() < 1e6


def test_without_an_object_in_the_way_all_photons_arrive(small):
    """The four corners of the scan see the bright field, its middle sees the object."""
    assert small.count == 64
    bright = np.fft.fftshift(np.abs(np.fft.fft2(small.truth.probe[0], norm="ortho")) ** 2)
    for index in (0, 7, 56, 63):
        assert small.photons[index] == pytest.approx(1e6, abs=5e3)
        np.testing.assert_allclose(by_hand(small, index), bright)
    assert small.photons[27] < 0.95e6


@pytest.mark.parametrize("photons", [1e3, 1e9])
def test_any_flux_gives_counts_of_that_flux(photons):
    data = FarFieldExperiment(**SMALL, photons=photons).dataset()
    assert np.sum(np.abs(data.probe) ** 2) == pytest.approx(photons)
    assert data.photons[0] == pytest.approx(photons, abs=5 * np.sqrt(photons))


def test_one_seed_gives_one_measurement(small):
    again, other = (FarFieldExperiment(**SMALL).dataset(seed=seed) for seed in (0, 1))
    assert again.patterns.tobytes() == small.patterns.tobytes()
    assert other.patterns.tobytes() != small.patterns.tobytes()
    assert "seed 1" in other.source


@pytest.mark.parametrize("channels", [None, 2, 3, 4], ids=["grey", "grey and alpha", "colour", "colour and alpha"])
def test_magnitude_and_phase_may_come_from_files(small, tmp_path, channels):
    shape = (20, 24) if channels is None else (20, 24, channels)
    image = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    if channels in (2, 4):
        image[..., -1] = 255
    imsave(tmp_path / "image.png", image, check_contrast=False)
    box = FarFieldExperiment(**SMALL).dataset(magnitude=tmp_path / "image.png").truth.object
    assert np.abs(box[87:103, 87:103]).min() == pytest.approx(0, abs=1e-12)
    assert (np.abs(box - small.truth.object) > 0.1).any()


@pytest.mark.parametrize("name", ["absent.png", "text.png", "text.txt"])
def test_what_is_no_image_is_refused_by_name(tmp_path, name):
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "text.txt").write_text("no image")
    with pytest.raises(InputError, match=f"{name} can't be read as an image"):
        EXPERIMENT.dataset(phase=tmp_path / name)
