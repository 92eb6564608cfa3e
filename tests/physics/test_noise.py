"""Noise models: finite in the dark, smallest at the truth, and consistent with their own samples."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import problems
import ptychograd as pg
from ptychograd.physics.noise import AbstractNoise, Amplitude, Censored, Gaussian, Poisson
from ptychograd.physics.noise.base import amplitude, counted_residual

DRAWS = 50_000
BRIGHTNESS = (0.02, 0.7, 5.0, 40.0, 3e4)  # photons; the amplitude model's formulas hold from 5 on
CASES = [(Amplitude(), h) for h in BRIGHTNESS[2:]] + [(Poisson(), h) for h in BRIGHTNESS]

every_model = pytest.mark.parametrize("noise", [Amplitude(), Poisson()], ids=["Amplitude", "Poisson"])
every_case = pytest.mark.parametrize(("noise", "expected"), CASES, ids=[f"{type(n).__name__}-{h:g}" for n, h in CASES])


@jax.jit
def misfit_and_slope(noise, expected, measured):
    return noise.nll(expected, measured), jax.grad(lambda h: noise.nll(h, measured).sum())(expected)


@jax.jit
def curvatures(noise, expected, measured):
    """Second derivative of the misfit at one expectation, for every measurement."""
    return jax.vmap(jax.grad(jax.grad(noise.nll)), (None, 0))(expected, measured)


@jax.jit
def curvature_of_amplitude(noise, root, measured):
    """Mean second derivative of the misfit along the root of the expected photons."""
    second = jax.grad(jax.grad(lambda root, measured: noise.nll(root**2, measured)))
    return jax.vmap(second, (None, 0))(root, measured).mean()


@jax.jit
def draw(noise, key, expected):
    return noise.sample(key, expected)


@cache
def all_samples(noise, seed):
    """Samples of every brightness and of the dark, drawn at once, which compiles once."""
    with jax.enable_x64(False):
        expected = jnp.repeat(jnp.array([0.0, *BRIGHTNESS])[:, None], DRAWS, axis=1)
        return np.asarray(draw(noise, jax.random.key(seed), expected))


def samples(noise, expected):
    return all_samples(noise, 1)[1 + BRIGHTNESS.index(expected)].astype(float)


# Misfit ---------------------------------------------------------------------------------------------------


@every_model
@pytest.mark.parametrize(
    ("dtype", "counts"),
    [(jnp.float32, jnp.uint16), (jnp.float32, jnp.float32), (jnp.float64, jnp.int32)],
    ids=["single-uint16", "single-float", "double-int32"],
)
@pytest.mark.usefixtures("double")
def test_value_slope_and_information_are_finite_in_the_dark(noise, dtype, counts):
    expected, measured = np.meshgrid([0, 1e-40, 1e-7, 1, 1e5], [0, 1, 30_000])
    expected, measured = jnp.asarray(expected, dtype), jnp.asarray(measured, counts)
    value, slope = misfit_and_slope(noise, expected, measured)
    for array in (value, slope, jax.jit(noise.fisher)(expected)):
        assert np.isfinite(array).all()
        assert array.dtype == dtype


@every_model
@pytest.mark.usefixtures("double")
def test_the_misfit_is_smallest_where_the_model_agrees_with_the_measurement(noise):
    """Poisson's floor counts as background that the model holds besides."""
    measured = np.array([1.0, 3.0, 250.0, 4e6])
    background = noise.floor if isinstance(noise, Poisson) else 0.0
    at_truth, slope = misfit_and_slope(noise, measured - background, measured)
    np.testing.assert_allclose(at_truth, 0, atol=1e-9)
    np.testing.assert_allclose(slope, 0, atol=1e-12)
    for factor in (0.3, 0.99, 1.01, 5.0):
        value, slope = misfit_and_slope(noise, factor * measured - background, measured)
        assert (value > at_truth + 1e-6).all()
        assert (np.sign(slope) == np.sign(factor - 1)).all()


@pytest.mark.usefixtures("double")
def test_amplitude_is_the_squared_difference_of_roots():
    np.testing.assert_allclose(Amplitude().nll(jnp.array([4.0, 0.0, 9.0]), jnp.array([9, 16, 0])), [1, 16, 9])


@pytest.mark.usefixtures("double")
def test_poisson_is_the_negative_log_likelihood_but_for_an_offset_of_the_counts():
    """-log p(y | h) = h - y log h + log y!, so that differences over h have to agree.

    But for a floor, which matters in the dark alone.
    """
    measured, expected = np.array([100, 140, 200, 230]), np.array([[150.0], [190.0], [220.0]])
    ours = np.asarray(Poisson().nll(*map(jnp.asarray, np.broadcast_arrays(expected, measured))))
    textbook = expected - measured * np.log(expected)
    np.testing.assert_allclose(ours - ours[0], textbook - textbook[0], atol=0.03)


@pytest.mark.usefixtures("double")
def test_the_root_of_nothing_has_no_slope():
    value, gradient = jax.value_and_grad(amplitude)(jnp.array(0.0))
    assert (value, gradient) == (0, 0)
    assert jax.grad(amplitude)(jnp.array(4.0)) == 0.25


# What counting leaves -------------------------------------------------------------------------------------


def residual_by_sum(expected):
    """E[(√y - √h)²] over the Poisson distribution of y, term by term, to 14 standard deviations."""
    reach = 14 * np.sqrt(expected) + 20
    counts = np.arange(max(0, np.floor(expected - reach)), np.ceil(expected + reach) + 1)
    return np.sum(scipy.stats.poisson.pmf(counts, expected) * (np.sqrt(counts) - np.sqrt(expected)) ** 2)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64], ids=["single", "double"])
@pytest.mark.usefixtures("double")
def test_the_counted_residual_is_the_sum_over_the_distribution(dtype):
    """To 0.2 % at any brightness; where it is dark, y = 0 adds h and y = 1 adds another."""
    expected = np.geomspace(1e-4, 1e5, 300)
    ours = np.asarray(counted_residual(jnp.asarray(expected, dtype)))
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours, [residual_by_sum(h) for h in expected], rtol=2e-3)
    np.testing.assert_allclose(counted_residual(jnp.array([1e-12, 1e9], dtype)), [2e-12, 0.25], rtol=2e-3)


@pytest.mark.slow
@pytest.mark.usefixtures("double")
def test_the_counted_residual_is_finite_in_the_dark():
    for dtype in (jnp.float32, jnp.float64):
        value, slope = jax.value_and_grad(counted_residual)(jnp.array(0.0, dtype))
        assert value == 0
        assert np.isfinite(slope)


# Information and samples ----------------------------------------------------------------------------------


@pytest.mark.variants
@every_case
@pytest.mark.usefixtures("double")
def test_the_information_is_the_mean_curvature_over_the_models_own_samples(noise, expected):
    curvature = np.asarray(curvatures(noise, expected, samples(noise, expected)))
    error = curvature.std() / np.sqrt(DRAWS)
    assert error < 0.04 * curvature.mean()
    assert float(noise.fisher(jnp.array(expected))) == pytest.approx(curvature.mean(), abs=5 * error)


@pytest.mark.variants
@every_case
@pytest.mark.usefixtures("double")
def test_the_information_is_that_of_the_likelihood(noise, expected):
    """The mean square of the score is the information only if the misfit is scaled as -log L: Amplitude's is half."""
    measured = samples(noise, expected)
    scores = jax.vmap(jax.grad(noise.nll), (None, 0))(jnp.array(expected), measured) * noise.log_likelihood_factor
    squares = np.asarray(scores) ** 2
    error = squares.std() / np.sqrt(DRAWS)
    tolerance = 5 * error + (0.06 * squares.mean() if isinstance(noise, Poisson) and expected < 1 else 0)
    assert float(noise.information(jnp.array(expected))) == pytest.approx(squares.mean(), abs=tolerance)


def test_full_pixels_scale_their_misfit_as_the_others():
    for noise in (Amplitude(), Poisson()):
        assert Censored(noise, 30.0).log_likelihood_factor == noise.log_likelihood_factor


@every_case
@pytest.mark.usefixtures("double")
def test_no_amplitude_is_curved_more_than_the_model_says(noise, expected):
    """`curvature` counts in that of (√y - √h)², which is 2; bright pixels have the largest."""
    curvature = float(curvature_of_amplitude(noise, np.sqrt(expected), samples(noise, expected))) / 2
    assert curvature < 1.01 * noise.curvature
    if expected == BRIGHTNESS[-1]:
        assert curvature == pytest.approx(noise.curvature, rel=0.01)


@every_case
def test_samples_have_mean_and_variance_of_the_noise(noise, expected):
    """Poisson: both are h. Amplitude, (√h + n/2)² with a unit normal n: h + 1/4 and h + 1/8."""
    sample, extra = samples(noise, expected), isinstance(noise, Amplitude)
    mean, variance = expected + extra / 4, expected + extra / 8
    assert sample.mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / DRAWS))
    fourth = np.mean((sample - mean) ** 4)
    assert sample.var() == pytest.approx(variance, abs=5 * np.sqrt((fourth - variance**2) / DRAWS))
    assert sample.min() >= 0


@every_model
def test_samples_depend_on_the_key_alone_and_differ_from_pixel_to_pixel(noise):
    first, other = all_samples(noise, 1), all_samples(noise, 2)
    all_samples.cache_clear()
    np.testing.assert_array_equal(first, all_samples(noise, 1))
    assert (first[1:] != other[1:]).any(axis=1).all()
    assert len(np.unique(first[-1])) > 100


@pytest.mark.variants
@pytest.mark.parametrize("shape", [(), (0,), (3, 5), (2, 150, 151)])
def test_counts_of_any_shape_are_about_what_is_expected(shape):
    expected = np.random.default_rng(0).gamma(0.5, 30, shape).astype(np.float32)
    counts = np.asarray(Poisson().sample(jax.random.key(3), jnp.asarray(expected)))
    assert counts.shape == shape
    assert np.all(np.abs(counts - expected) < 6 * np.sqrt(expected + 1))
    assert np.sum(counts - expected) ** 2 <= 16 * expected.sum()


def test_poisson_counts_whole_photons_and_none_in_the_dark():
    counts = all_samples(Poisson(), 1)
    assert np.issubdtype(counts.dtype, np.integer)
    np.testing.assert_array_equal(counts[0], 0)


# One's own, by its misfit alone ---------------------------------------------------------------------------


class OwnPoisson(AbstractNoise):
    """Poisson's misfit but for what does not depend on the expectation, and nothing else."""

    floor: float = 0.03

    def nll(self, expected, measured):
        return expected - measured * jnp.log(expected + self.floor)


class OwnGaussian(AbstractNoise):
    """The misfit of readings about their expectation, without the clipping of readings below zero."""

    variance: float = 4.0

    def nll(self, expected, measured):
        return (expected - measured) ** 2 / (2 * self.variance)


class OwnAmplitude(AbstractNoise):
    """The misfit of roots, which has no second derivative in the dark."""

    def nll(self, expected, measured):
        return (amplitude(expected) - amplitude(measured)) ** 2


PAIRS = [(OwnPoisson(), Poisson()), (OwnGaussian(), Gaussian(4.0, 500.0)), (OwnAmplitude(), Amplitude())]


@pytest.mark.variants
@pytest.mark.parametrize(("own", "given"), PAIRS, ids=["poisson", "gaussian", "amplitude"])
@pytest.mark.usefixtures("double")
def test_information_and_curvature_follow_from_the_misfit(own, given):
    bright = jnp.array([[20.0, 300.0, 4e4], [50.0, 77.0, 21.0]])  # where Gauss's readings are not clipped
    np.testing.assert_allclose(own.fisher(bright), given.fisher(bright), rtol=1e-9)
    assert float(own.curvature_up_to(jnp.array(500.0))) == pytest.approx(float(given.curvature), rel=1e-3)
    assert own.curvature is None
    assert given.curvature_up_to(jnp.array(7.0)) == given.curvature


@pytest.mark.parametrize("own", [own for own, _ in PAIRS], ids=["poisson", "gaussian", "amplitude"])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.usefixtures("double")
def test_information_of_ones_own_is_finite_in_the_dark(own, dtype):
    information = own.fisher(jnp.array([0.0, 1e-40, 1e-7, 1.0, 1e5], dtype))
    assert np.isfinite(information).all()
    assert (information >= 0).all()
    assert information.dtype == dtype


def test_ones_own_without_samples_says_so():
    with pytest.raises(pg.InputError, match=r"OwnPoisson tells a misfit and no samples; give it `sample"):
        pg.simulate(problems.start_model(problems.measurement()), 3, noise=OwnPoisson())


class Summed(OwnPoisson):
    def nll(self, expected, measured):
        return jnp.sum(super().nll(expected, measured))


class Floorless(AbstractNoise):
    def nll(self, expected, measured):
        return expected - measured * jnp.log(expected)


@pytest.mark.parametrize(
    ("noise", "sentence"),
    [
        (Summed(), r"`nll` of Summed gives float32\[\] for patterns of \[2, 20, 18\]; expected one real number"),
        (Floorless(), r"The value of Floorless's `nll` is not finite where no photon is expected; add a floor"),
    ],
    ids=["summed", "floorless"],
)
def test_a_misfit_that_no_solver_can_follow_is_refused_before_a_run(noise, sentence):
    data = problems.measurement()
    run = pg.Run(problems.start_model(data), data, pg.Nesterov(), (pg.Stage(1), pg.Stage(1, noise=noise)), 14)
    with pytest.raises(pg.InputError, match=sentence):
        pg.perform(run)


@pytest.mark.slow
@pytest.mark.parametrize(("own", "given"), PAIRS[:1])
def test_a_fit_with_ones_own_misfit_is_that_with_the_built_in_one(own, given):
    data = problems.measurement()
    one, other = (
        pg.reconstruct(problems.start_model(data), data, pg.Nesterov(), epochs=3, batch_size=14, noise=noise)
        for noise in (own, given)
    )
    assert one.history.r_factor == pytest.approx(other.history.r_factor, rel=1e-3)  # curvature 1.9999, not 2
