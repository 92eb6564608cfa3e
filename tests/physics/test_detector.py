"""The detector's parts against NumPy and SciPy, and in models; masks of bad pixels."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
import scipy.special

import ptychograd as pg
from problems import FRAME, measurement, object_wave, positions, probe_wave, start_model
from ptychograd.core.fourier import blurred, convolved
from ptychograd.physics.detector import binned

RNG = np.random.default_rng(4)
IMAGE = RNG.uniform(0, 5, (15, 12)) ** 3


# The parts ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("width", [0.0, 1e-4, 0.3, 1.0, 2.2])
def test_a_gaussian_spread_is_the_discrete_gaussian_of_its_width(width):
    """Against exp(-w²) I_n(w²) in real space, along one axis after the other with edges that wrap."""
    n = np.arange(-60, 61)
    kernel = scipy.special.ive(np.abs(n), width**2)
    expected = scipy.ndimage.convolve1d(scipy.ndimage.convolve1d(IMAGE, kernel, 0, mode="wrap"), kernel, 1, mode="wrap")
    np.testing.assert_allclose(blurred(jnp.asarray(IMAGE), jnp.array(width)), expected, atol=1e-10)
    assert np.sum(kernel * n**2) == pytest.approx(width**2, abs=1e-12)


def test_a_wide_spread_is_the_usual_gaussian_one():
    image = np.zeros((40, 33))
    image[17, 20] = 1
    wide = scipy.ndimage.gaussian_filter(image, 2.5, mode="wrap", truncate=8)
    np.testing.assert_allclose(blurred(jnp.asarray(image, jnp.float32), jnp.array(2.5)), wide, atol=0.05 * wide.max())


@pytest.mark.usefixtures("double")
def test_a_kernel_spreads_about_its_middle():
    kernel = RNG.uniform(0, 1, (4, 5))
    expected = scipy.ndimage.convolve(IMAGE, kernel, mode="wrap", origin=(0, 0))
    np.testing.assert_allclose(convolved(jnp.asarray(IMAGE), jnp.asarray(kernel)), expected, rtol=1e-10)
    spread = pg.physics.KernelSpread(kernel)
    assert float(jnp.sum(spread(jnp.asarray(IMAGE)))) == pytest.approx(IMAGE.sum())


@pytest.mark.usefixtures("double")
def test_an_image_spreads_in_double_precision_as_scipy_says():
    """Kernels of odd and even sides, whose middle is at side // 2; edges wrap."""
    rng = np.random.default_rng(6)
    image = rng.uniform(0, 1e6, (14, 17))
    for shape in ((3, 5), (4, 3), (1, 1)):
        kernel = rng.uniform(0, 1, shape)
        expected = scipy.ndimage.convolve(image, kernel / kernel.sum(), mode="wrap")
        found = pg.physics.KernelSpread(kernel)(jnp.asarray(image))
        assert found.dtype == jnp.float64
        np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("width", [0.0, 1e-3, 0.4, 3.0])
def test_a_spread_keeps_the_photons_and_none_is_below_zero(width):
    """In single precision, with one bright pixel among dark ones; the slope is finite and is zero at no width."""
    image = jnp.zeros((64, 48)).at[9, 40].set(3e6)
    found = eqx.filter_jit(pg.physics.GaussianSpread(width))(image)
    assert float(found.sum()) == pytest.approx(3e6, rel=1e-5)
    assert float(found.min()) >= 0
    slope = jax.jit(jax.grad(lambda w: jnp.sum(pg.physics.GaussianSpread(w)(image) ** 2)))(jnp.array(width))
    assert np.isfinite(slope)
    assert (float(slope) == 0) == (width == 0)


def test_binning_adds_up_squares():
    ours = binned(jnp.asarray(IMAGE, jnp.float32), 3)
    expected = [[IMAGE[y : y + 3, x : x + 3].sum() for x in range(0, 12, 3)] for y in range(0, 15, 3)]
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


@pytest.mark.usefixtures("double")
def test_a_detector_bins_spreads_weighs_and_adds_in_this_order():
    wave = RNG.normal(size=(2, 30, 24)) + 1j * RNG.normal(size=(2, 30, 24))
    flat, background = RNG.uniform(0.5, 1.5, (15, 12)), RNG.uniform(0, 2, (15, 12))
    detector = pg.physics.Detector(background, pg.physics.GaussianSpread(0.8), jnp.asarray(flat), 2)
    photons = np.sum(np.abs(wave) ** 2, axis=0).reshape(15, 2, 12, 2).sum(axis=(1, 3))
    expected = flat * np.asarray(blurred(jnp.asarray(photons), jnp.array(0.8))) + background
    np.testing.assert_allclose(detector(jnp.asarray(wave)), expected, rtol=1e-12)
    stack = jnp.asarray(np.stack([wave, 2 * wave], axis=1))  # the angles of a rocking curve
    np.testing.assert_allclose(detector(stack)[1], 4 * (expected - background) + background, rtol=1e-12)


def test_a_negative_background_counts_as_none_and_comes_back():
    wave = jnp.ones((1, 3, 4), jnp.complex64)

    def total(background):
        return pg.physics.Detector(background)(wave).sum()

    value, slope = jax.value_and_grad(total)(jnp.array(-0.5))
    assert float(value) == 12
    assert float(slope) == 12
    assert float(pg.physics.Detector(jnp.array(-0.5)).gauge_fixed()[0]["background"]) == 0


def test_what_is_not_there_is_no_parameter():
    names = [name for name in pg.far_field(measurement()).steps if name.startswith("detector")]
    assert "detector.point_spread.width" not in names
    assert len(jax.tree.leaves(pg.physics.Detector())) == 1


# In models ------------------------------------------------------------------------------------------------


def binned_pattern(number: int, factor: int) -> np.ndarray:
    """Pattern `number` by a sum over the exit wave's pixels, at frequencies inside each pixel of the detector."""
    corner = positions().astype(int)[number]
    patch = object_wave()[corner[0] : corner[0] + FRAME[0], corner[1] : corner[1] + FRAME[1]]
    wave, middles = probe_wave() * patch, []
    for n in FRAME:
        inside = (np.arange(factor) - (factor - 1) / 2) / factor
        frequency = ((np.arange(n) - n // 2)[:, None] + inside).ravel() / n
        middles.append(np.exp(-2j * np.pi * frequency[:, None] * np.arange(n)))
    amplitude = middles[0] @ wave @ middles[1].T / (factor * np.sqrt(wave.size))
    return np.abs(amplitude).reshape(FRAME[0], factor, FRAME[1], factor).__pow__(2).sum(axis=(1, 3))


@pytest.mark.variants
@pytest.mark.parametrize("factor", [2, 3])
def test_a_binned_far_field_is_the_sum_over_each_pixel_of_the_detector(factor):
    data = measurement()
    true = pg.far_field(
        replace(data, probe=probe_wave()[None].astype(np.complex64)), object=lambda shape: object_wave()
    )
    model = pg.models.with_oversampling(true, factor)
    assert model.frame_shape == (factor * FRAME[0], factor * FRAME[1])
    pattern = np.asarray(model(jnp.array(5)))
    np.testing.assert_allclose(pattern, binned_pattern(5, factor), rtol=1e-3, atol=1e-3 * pattern.max())
    assert np.abs(pattern - np.asarray(true(jnp.array(5)))).max() > 0.01 * pattern.max()


@pytest.mark.variants
@pytest.mark.parametrize("kind", [pg.physics.Fresnel, pg.physics.AngularSpectrum])
def test_a_binned_near_field_has_finer_pixels_and_the_same_photons(kind):
    """Behind an even object a smooth beam looks the same on both grids, but for what bends within a pixel."""
    from near_problems import measurement as near_measurement

    data = near_measurement()
    data = replace(data, geometry=replace(data.geometry, distance=0.6 * data.geometry.distance))
    model = pg.near_field(data, propagator=kind, object=pg.models.flat_object)
    finer = pg.models.with_oversampling(model, 2)
    assert finer.sampling == pytest.approx(tuple(s / 2 for s in model.sampling))
    assert finer.object.transmission.shape == tuple(2 * n for n in model.object.transmission.shape)
    one, other = (np.asarray(m(jnp.array(1))) for m in (model, finer))
    assert one.shape == other.shape
    assert other.sum() == pytest.approx(one.sum(), rel=0.01)
    assert np.linalg.norm(one - other) < 0.05 * np.linalg.norm(one)


def test_binning_comes_first_and_once():
    model = pg.models.with_oversampling(start_model(measurement()), 2)
    with pytest.raises(pg.InputError, match="before any other part"):
        pg.models.with_oversampling(model, 2)


@pytest.mark.parametrize(
    "change",
    [
        lambda model: pg.models.with_background(model, -1.0),
        lambda model: pg.models.with_background(model, np.ones((3, 3))),
        lambda model: pg.models.with_point_spread(model, np.nan),
        lambda model: pg.models.with_point_spread(model, np.zeros((3, 3))),
        lambda model: pg.models.with_point_spread(model, np.ones((99, 3))),
        lambda model: pg.models.with_flat_field(model, np.zeros(FRAME)),
        lambda model: pg.models.with_oversampling(model, 0),
    ],
)
def test_parts_that_make_no_sense_are_refused(change):
    with pytest.raises(pg.InputError):
        change(start_model(measurement()))


@pytest.mark.parametrize(
    "change",
    [pg.models.with_point_spread, pg.models.with_flat_field, lambda model: pg.models.with_oversampling(model, 2)],
)
def test_closed_form_pie_refuses_what_it_is_not_written_for(change):
    data = measurement()
    with pytest.raises(pg.InputError, match="point spread, flat field and binning"):
        pg.reconstruct(change(start_model(data)), data, pg.PIE(), epochs=1)


# Refined --------------------------------------------------------------------------------------------------


def imperfect(data: pg.Dataset) -> pg.Dataset:
    """The measurement behind a spread of 0.8 pixels in real space, on 3 photons of background, with Poisson noise."""
    wave, object, patterns = probe_wave(3e5), object_wave(), []
    kernel = scipy.special.ive(np.abs(np.arange(-8, 9)), 0.8**2)
    for row, column in positions().astype(int):
        exit_wave = wave * object[row : row + FRAME[0], column : column + FRAME[1]]
        intensity = np.abs(np.fft.fftshift(np.fft.fft2(exit_wave))) ** 2 / exit_wave.size
        for axis in (0, 1):
            intensity = scipy.ndimage.convolve1d(intensity, kernel, axis, mode="wrap")
        patterns.append(intensity + 3)
    counts = np.random.default_rng(0).poisson(patterns).astype(np.uint32)
    return replace(data, patterns=counts)


@pytest.mark.slow
def test_background_and_point_spread_are_found_from_the_patterns():
    """Behind a known object, as these few patterns would let the dark parts of an unknown one be its background."""
    data = imperfect(measurement(probe=probe_wave(3e5)))
    ideal = pg.far_field(data, object=lambda shape: object_wave())
    model = pg.models.with_point_spread(pg.models.with_background(ideal, pg.models.estimate_background(data)), 0.5)
    refine = ("detector.background", "detector.point_spread.width")
    result = pg.perform(pg.Run(model, data, pg.Nesterov(), (pg.Stage(200, refine, pg.Poisson()),), 8))
    assert float(result.arrays["detector.background"]) == pytest.approx(3, rel=0.02)
    assert float(result.arrays["detector.point_spread.width"]) == pytest.approx(0.8, rel=0.002)
    assert result.history.chi_squared[-1] == pytest.approx(1, abs=0.02)


def test_a_background_of_its_own_for_every_pixel_is_found():
    data = imperfect(measurement(probe=probe_wave(3e5)))
    ideal = pg.models.with_point_spread(pg.far_field(data, object=lambda shape: object_wave()), 0.8)
    model = pg.models.with_background_image(pg.models.with_background(ideal, pg.models.estimate_background(data)))
    stages = (pg.Stage(100, ("detector.background",), pg.Poisson()),)
    found = pg.perform(pg.Run(model, data, pg.Nesterov(), stages, 8)).arrays["detector.background"]
    dim = data.mean_pattern < 5
    assert found.shape == FRAME
    assert (found >= 0).all()
    assert found[dim].mean() == pytest.approx(3, rel=0.03)
    assert found[dim].std() < 2 * np.sqrt(3 / data.count)


# Masks ----------------------------------------------------------------------------------------------------


def test_masks_leave_out_what_they_are_asked_to():
    data = measurement()
    stop = pg.data.beam_stop(data.frame_shape, 2.0, (9.5, 8.0))
    y, x = np.indices(FRAME)
    np.testing.assert_array_equal(stop, np.hypot(y - 9.5, x - 8) > 2)
    both = pg.data.mask_pixels(pg.data.mask_pixels(data, stop), pg.data.unsaturated_mask(data, 50.0))
    np.testing.assert_array_equal(both.mask, stop & (data.patterns < 50))
    assert both.largest < 50
    assert data.mask.all()
    with pytest.raises(pg.InputError, match="expected \\(20, 18\\)"):
        pg.data.mask_pixels(data, np.ones((3, 4)))
    with pytest.raises(pg.InputError, match="radius of -1"):
        pg.data.beam_stop((4, 4), -1.0)
