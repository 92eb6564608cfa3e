"""First guesses: openings of the right size, modes that differ, a spot from the mean pattern."""

import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from problems import complex_array
from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Geometry, far_field_sampling, make_dataset
from ptychograd.models.starts import (
    aperture,
    defocused,
    flat_object,
    focal_spot,
    gaussian_wave,
    mean_pattern,
    pinhole,
    pupil_probe,
    random_object,
    round_wave,
    square_wave,
)
from ptychograd.physics.probes.diverse import diverse_modes, independent

GEOMETRY = Geometry(wavelength=1e-10, distance=2.0, pixel_size=(50e-6, 75e-6))
FRAME = (40, 27)
SAMPLING = far_field_sampling(GEOMETRY, FRAME)  # 100 nm x 98.8 nm


def a_dataset(geometry=GEOMETRY, **items):
    patterns = np.random.default_rng(0).poisson(5.0, (4, *FRAME))
    positions = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]) * (1e-6 if geometry else 3.0)
    return make_dataset(**{"patterns": patterns, "positions": positions, "geometry": geometry, **items})


# Openings -------------------------------------------------------------------------------------------------


def test_the_papers_aperture_is_twelve_pixels_in_rows_26_to_37():
    wave = square_wave((64, 64), (0.59109e-6, 0.59109e-6), 7e-6)
    expected = np.zeros((64, 64))
    expected[26:38, 26:38] = 1
    np.testing.assert_array_equal(wave, expected)


@pytest.mark.parametrize(
    ("shape", "rows", "columns"),
    [((10, 13), (4, 6), (4, 8)), ((9, 14), (3, 5), (5, 9)), ((3, 6), (0, 2), (1, 5))],
)
def test_a_square_has_its_width_in_the_pixels_of_each_axis_about_the_middle(shape, rows, columns):
    """6 µm are 3 rows of 2 µm, and 5 columns of 1.1 µm."""
    expected = np.zeros(shape)
    expected[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = 1
    np.testing.assert_array_equal(square_wave(shape, (2e-6, 1.1e-6), 6e-6), expected)


def test_a_round_opening_has_its_diameter_on_both_axes_and_its_area():
    wave = round_wave((80, 120), (0.2e-6, 0.1e-6), 8e-6).real
    assert wave.max(axis=1).sum() * 0.2e-6 == pytest.approx(8e-6, abs=0.21e-6)
    assert wave.max(axis=0).sum() * 0.1e-6 == pytest.approx(8e-6, abs=0.11e-6)
    assert wave.sum() * 0.2e-6 * 0.1e-6 == pytest.approx(np.pi * 4e-6**2, rel=0.02)
    np.testing.assert_allclose(wave, wave[::-1][np.r_[-1, 0:79]], err_msg="about the middle pixel")


def test_a_gaussian_spot_has_half_of_its_intensity_at_half_of_its_width():
    intensity = np.abs(gaussian_wave((81, 60), (0.2e-6, 0.1e-6), 2e-6)) ** 2
    assert intensity[40, 30] == 1
    np.testing.assert_allclose(intensity[[35, 45, 40, 40], [30, 30, 20, 40]], 0.5)


@pytest.mark.parametrize(
    ("start", "wave_of"), [(aperture, square_wave), (pinhole, round_wave), (focal_spot, gaussian_wave)]
)
def test_a_start_is_its_opening_seen_from_the_defocus(start, wave_of):
    wave = wave_of(FRAME, SAMPLING, 1e-6)
    np.testing.assert_allclose(start(1e-6)(a_dataset(), SAMPLING), wave, rtol=1e-12)
    behind = start(1e-6, defocus=1e-3)(a_dataset(), SAMPLING)
    around = defocused(wave, SAMPLING, GEOMETRY.wavelength, 1e-3)  # what leaves comes in again
    assert np.linalg.norm(behind - around) < 0.06 * np.linalg.norm(around)
    assert np.linalg.norm(behind) <= np.linalg.norm(wave) * (1 + 1e-12)
    assert np.abs(behind - wave).max() > 0.02


@pytest.mark.parametrize("start", [aperture, pinhole, focal_spot])
@pytest.mark.parametrize(
    ("size", "text"),
    [(2.8e-6, "27 pixels of 9.877e-08 m"), (9.9e-8, "40 pixels of 1e-07 m"), (1.0, "1 m does not fit")],
)
def test_an_opening_larger_than_the_window_or_smaller_than_a_pixel_is_refused(start, size, text):
    with pytest.raises(InputError, match=text):
        start(size)(a_dataset(), SAMPLING)


@pytest.mark.parametrize("start", [aperture, pinhole, focal_spot])
def test_a_size_in_metres_needs_a_geometry(start):
    with pytest.raises(InputError, match="needs wavelength, distance and pixel size"):
        start(1e-6)(a_dataset(geometry=None), None)


def test_light_near_the_axis_may_go_farther_than_a_sampled_kernel():
    """An annulus far inside of the detector, so far out of focus that its beam fills most of the window."""
    size = 64
    y, x = np.mgrid[:size, :size] - size // 2
    patterns = np.repeat(((np.hypot(y, x) < 9) & (np.hypot(y, x) > 3))[None] * 100, 4, axis=0)
    geometry = Geometry(1e-10, 2.0, (50e-6, 50e-6))
    data = make_dataset(patterns, 1e-7 * np.eye(4, 2), geometry=geometry)
    sampling = geometry.sampling((size, size))
    limit = size * sampling[0] ** 2 / geometry.wavelength
    far, focus = mean_pattern(defocus=1.5 * limit)(data, sampling), mean_pattern()(data, sampling)
    width = [np.sqrt(np.sum(np.abs(wave) ** 2 * (y**2 + x**2)) / np.sum(np.abs(wave) ** 2)) for wave in (focus, far)]
    assert width[1] == pytest.approx(np.hypot(width[0], 1.5 * np.sqrt((9**2 + 3**2) / 2)), rel=0.1)
    with pytest.warns(UserWarning, match="of the beam that .* would be wider than the window at a defocus of"):
        mean_pattern(defocus=4 * limit)(data, sampling)
    with pytest.raises(InputError, match="give a smaller one, in metres"):
        mean_pattern(defocus=9 * limit)(data, sampling)


def test_defocus_keeps_energy_and_goes_back():
    wave = complex_array(*FRAME)
    there = defocused(wave, SAMPLING, GEOMETRY.wavelength, 2e-3)
    assert np.linalg.norm(there) == pytest.approx(np.linalg.norm(wave), rel=1e-13)
    np.testing.assert_allclose(defocused(there, SAMPLING, GEOMETRY.wavelength, -2e-3), wave, atol=1e-13)


# The mean pattern -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(40, 27), (12, 16)])
def test_the_mean_pattern_is_the_far_field_of_its_start(shape):
    patterns = np.random.default_rng(0).poisson(5.0, (4, *shape))
    wave = mean_pattern()(a_dataset(patterns=patterns), None)
    far = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(wave), norm="ortho"))
    np.testing.assert_allclose(far, np.sqrt(patterns.mean(axis=0)), atol=1e-12)
    assert np.unravel_index(np.abs(wave).argmax(), shape) == (shape[0] // 2, shape[1] // 2)


@pytest.mark.parametrize("shape", [FRAME, (4, *FRAME)], ids=["one mask", "a mask for each pattern"])
def test_the_mean_is_over_valid_pixels_and_zero_where_there_is_none(shape):
    mask = np.random.default_rng(1).random(shape) < 0.7
    mask[..., 3, 5] = False
    data = a_dataset(mask=mask)
    valid = np.broadcast_to(mask, data.patterns.shape)
    mean = np.where(valid, data.patterns, 0).sum(axis=0) / np.maximum(valid.sum(axis=0), 1)
    far = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(mean_pattern()(data, None)), norm="ortho"))
    np.testing.assert_allclose(far, np.sqrt(mean), atol=1e-12)
    assert far[3, 5] == pytest.approx(0, abs=1e-12)


def test_the_mean_pattern_may_be_seen_from_a_defocus():
    focus = mean_pattern()(a_dataset(), SAMPLING)
    behind = mean_pattern(1e-3)(a_dataset(), SAMPLING)
    np.testing.assert_allclose(behind, defocused(focus, SAMPLING, GEOMETRY.wavelength, 1e-3))
    with pytest.raises(InputError, match="needs wavelength, distance and pixel size"):
        mean_pattern(1e-3)(a_dataset(geometry=None), None)


# Modes ----------------------------------------------------------------------------------------------------


def power(modes):
    return np.sum(np.abs(modes) ** 2, axis=(1, 2))


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_modes_share_the_power_of_the_wave_and_the_first_has_most(count):
    wave = 3 * gaussian_wave(FRAME, SAMPLING, 6e-7) * np.exp(0.3j * np.arange(27))
    modes = diverse_modes(wave[None], count)
    assert modes.shape == (count, *FRAME)
    assert power(modes).sum() == pytest.approx(np.sum(np.abs(wave) ** 2), rel=1e-12)
    np.testing.assert_allclose(power(modes)[1:] / power(modes)[:-1], 0.5)


def test_one_mode_is_the_wave_itself():
    wave = complex_array(*FRAME)
    np.testing.assert_allclose(diverse_modes(wave[None], 1), [wave], rtol=1e-12)


@pytest.mark.parametrize("wave_of", [square_wave, round_wave, gaussian_wave])
def test_no_two_modes_are_alike(wave_of):
    modes = diverse_modes(wave_of(FRAME, SAMPLING, 8e-7)[None], 4).reshape(4, -1)
    modes /= np.linalg.norm(modes, axis=1, keepdims=True)
    overlap = np.abs(modes.conj() @ modes.T)
    np.testing.assert_allclose(np.diag(overlap), 1)
    assert overlap[~np.eye(4, dtype=bool)].max() < 0.95


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_given_modes_are_kept_strongest_first_and_with_all_their_power(count):
    given = np.array([0.5, 2.0, 1.0])[:, None, None] * complex_array(3, *FRAME)
    modes = diverse_modes(given, count)
    assert power(modes).sum() == pytest.approx(power(given).sum(), rel=1e-12)
    scale = modes[0, 0, 0] / given[1, 0, 0]
    retained = min(count, 3)
    np.testing.assert_allclose(modes[:retained], scale * given[[1, 2, 0]][:retained], rtol=1e-12)
    assert (np.diff(power(modes)) < 0).all()


@pytest.mark.parametrize("illuminated", [(1, 1), (1, 5), (5, 1)])
def test_modes_of_a_wave_one_pixel_wide_are_finite_and_differ(illuminated):
    """A uniform mean pattern, or an opening of a single pixel, makes such a wave."""
    wave = np.zeros((9, 12), complex)
    wave[4 : 4 + illuminated[0], 3 : 3 + illuminated[1]] = 2
    modes = diverse_modes(wave[None], 3)
    assert power(modes).sum() == pytest.approx(np.sum(np.abs(wave) ** 2))
    shapes = modes / np.sqrt(power(modes))[:, None, None]
    assert all(np.abs(np.vdot(shapes[i], shapes[j])) < 0.95 for i, j in [(0, 1), (0, 2), (1, 2)])


# Objects --------------------------------------------------------------------------------------------------


def test_a_flat_object_is_transparent():
    np.testing.assert_array_equal(flat_object((3, 5)), np.ones((3, 5)))
    assert np.iscomplexobj(flat_object((3, 5)))


def test_a_random_object_fills_amplitudes_to_one_and_phases_to_pi():
    object = random_object(7)((80, 60))
    for values, largest in [(np.abs(object), 1.0), (np.angle(object), np.pi)]:
        assert 0 <= values.min() < 0.01 * largest
        assert 0.99 * largest < values.max() <= largest
        assert values.mean() == pytest.approx(largest / 2, rel=0.05)
    assert abs(np.corrcoef(np.abs(object).ravel(), np.angle(object).ravel())[0, 1]) < 0.08


def test_the_seed_tells_the_random_object():
    np.testing.assert_array_equal(random_object(7)((8, 6)), random_object(7)((8, 6)))
    assert (random_object(7)((8, 6)) != random_object(8)((8, 6))).any()


def test_modes_are_told_apart_by_a_few_pixels_and_alike_ones_by_all():
    y, x = np.ogrid[-1:1:300j, -1:1:310j]
    wave = (np.exp(-((y / 0.3) ** 2) - (x / 0.2) ** 2 + 3j * y * x)).astype(np.complex64)
    own = wave.copy()
    own[150, 151] += 1  # beside the pixels of the sample
    assert len(independent([wave, 2j * wave, own, own - 3 * wave, x * wave + 0 * y], 9)) == 3
    modes = diverse_modes(wave[None], 10)
    assert modes.dtype == np.complex64
    assert len(independent(modes, 10)) == 10
    assert np.isclose(np.sum(np.abs(modes) ** 2), np.sum(np.abs(wave) ** 2))


def test_large_states_are_told_apart_without_copies_of_them():
    wave = np.ones((2000, 2100), np.complex64)
    wave[::3] = 1j
    states = np.stack([wave, wave.conj(), 1j * wave])
    tracemalloc.start()
    try:
        assert len(independent(states, 3)) == 2
        assert tracemalloc.get_traced_memory()[1] < 60e6  # bytes; they have 101e6
    finally:
        tracemalloc.stop()


def test_powers_beyond_single_precision_tell_modes_apart():
    wave = np.full((20, 21), 1e25, np.complex64)
    assert len(independent([wave, wave / 2], 2)) == 1


# The pupil of the mean pattern, in JAX --------------------------------------------------------------------


def test_the_pupil_probe_is_the_mean_pattern_behind_its_focus_whatever_the_array():
    data = a_dataset()
    expected = mean_pattern(1e-3)(data, SAMPLING)
    mean = data.mean_pattern
    for pattern in (mean, mean.astype(np.float32), jnp.asarray(mean, jnp.float32)):
        wave = pupil_probe(pattern, GEOMETRY.wavelength, SAMPLING, 1e-3)
        np.testing.assert_allclose(wave, expected, atol=2e-5 * np.abs(expected).max())
    whole = pupil_probe(data.patterns[0], GEOMETRY.wavelength, SAMPLING, -1e-3)
    assert np.sum(np.abs(whole) ** 2) == pytest.approx(data.patterns[0].sum(), rel=1e-5)


def test_the_pupil_probe_is_traced_once_for_all_defocuses_and_differentiable():
    traces = []

    @jax.jit
    def width(pattern, defocus):
        traces.append(1)
        wave = pupil_probe(pattern, GEOMETRY.wavelength, SAMPLING, defocus)
        y, x = np.mgrid[: FRAME[0], : FRAME[1]] - np.array(FRAME)[:, None, None] // 2
        squared = jnp.asarray(y**2 + x**2, pattern.dtype)
        return jnp.sum(jnp.abs(wave) ** 2 * squared)

    y, x = np.mgrid[: FRAME[0], : FRAME[1]] - np.array(FRAME)[:, None, None] // 2
    disc = jnp.asarray(np.hypot(y, x) < 5, jnp.float32)
    widths = [float(width(disc, z)) for z in (-4e-4, 0.0, 4e-4)]
    assert len(traces) == 1
    assert widths[0] == pytest.approx(widths[2], rel=1e-3)
    assert widths[1] < widths[2]
    assert abs(float(jax.grad(width, 1)(disc, 0.0))) < 1e-3 * float(jax.grad(width, 1)(disc, 4e-4))
