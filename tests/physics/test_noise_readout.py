"""Noise of reading, and full pixels: every model against its own samples, and tails against SciPy's."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from ptychograd import Amplitude, Gaussian, InputError, Poisson
from ptychograd.physics.noise import Censored, PoissonGaussian
from ptychograd.physics.noise.tails import log_above, log_at

DRAWS = 100_000
FULL = 50.0
BRIGHTNESS = (0.5, 4.0, 35.0, 50.0, 62.0, 200.0)  # photons, up to far above FULL
BRIGHT = slice(2, None)
EXACT = Poisson(floor=1e-5)  # whose floor does not shift the smallest misfit
MODELS = {
    "gaussian": Gaussian(9.0, 200.0),
    "poisson-gaussian": PoissonGaussian(2.0),
    "censored poisson": Censored(EXACT, FULL),
    "censored poisson-gaussian": Censored(PoissonGaussian(2.0), FULL),
    "censored gaussian": Censored(Gaussian(9.0, 200.0), FULL),
    "censored amplitude": Censored(Amplitude(), FULL),
}
every_model = pytest.mark.parametrize("name", MODELS)


@cache
def samples(name):
    """Samples of every brightness, (brightness, draw), as a simulation draws them."""
    expected = jnp.repeat(jnp.array(BRIGHTNESS, jnp.float32)[:, None], DRAWS, axis=1)
    return np.asarray(jax.jit(MODELS[name].sample)(jax.random.key(3), expected), float)


@cache
def slopes(name):
    """Slope of the misfit at the truth for every sample, in double precision."""
    with jax.enable_x64(True):
        expected = jnp.repeat(jnp.array(BRIGHTNESS)[:, None], DRAWS, axis=1)
        slope = jax.jit(jax.grad(lambda h, y: MODELS[name].nll(h, y).sum()))
        return np.asarray(slope(expected, jnp.asarray(samples(name))))


@pytest.mark.variants
@every_model
def test_the_mean_slope_at_the_truth_is_zero(name):
    """To five standard errors; the approximation of `PoissonGaussian` shows below twice the readout noise."""
    seen = BRIGHT if "amplitude" in name else slice(None)  # E[(√y - √h)²] is not smallest at h where it is dark
    slope, known = slopes(name)[seen], information(name)[seen]
    slack = 0.04 * (np.array(BRIGHTNESS)[seen] < 8) * ("poisson-gaussian" in name)
    error = slope.std(axis=1) / np.sqrt(DRAWS)
    assert (np.abs(slope.mean(axis=1)) <= 5 * error + slack * np.sqrt(known) + 1e-9).all()


@pytest.mark.variants
@every_model
def test_the_variance_of_the_slope_is_the_information(name):
    """Of `Amplitude`, which is half of a negative log-likelihood, half of it."""
    seen = BRIGHT if "amplitude" in name else slice(None)
    square = (2 if "amplitude" in name else 1) * slopes(name)[seen] ** 2
    error, known = square.std(axis=1) / np.sqrt(DRAWS), information(name)[seen]
    slack = 0.1 * (np.array(BRIGHTNESS)[seen] < 8) * ("poisson-gaussian" in name)
    assert (np.abs(square.mean(axis=1) - known) <= 5 * error + slack * known + 1e-9).all()


def information(name):
    with jax.enable_x64(True):
        return np.asarray(MODELS[name].fisher(jnp.array(BRIGHTNESS)))


@pytest.mark.slow
@every_model
def test_the_mean_misfit_is_smallest_at_the_truth(name):
    """35 photons: the pixel is full now and then."""
    measured = samples(name)[2]
    with jax.enable_x64(True):
        mean = jax.jit(lambda h: MODELS[name].nll(jnp.full(DRAWS, h), jnp.asarray(measured)).mean())
        values = [float(mean(h)) for h in (34.0, 34.7, 35.0, 35.3, 36.0)]
    assert np.argmin(values) in (1, 2, 3)
    assert min(values[0], values[-1]) > min(values[1:4])


@every_model
def test_the_slope_is_that_of_finite_differences(name):
    with jax.enable_x64(True):
        h, y = (array.ravel() for array in np.meshgrid([0.3, 5.0, 44.0, 51.0, 90.0], [0, 7.0, 49.0, 50.0]))
        value = jax.jit(lambda h: MODELS[name].nll(h, jnp.asarray(y)))
        slope = jax.jit(jax.grad(lambda h: value(h).sum()))(jnp.asarray(h))
        step = 1e-5
        differences = (np.asarray(value(h + step)) - np.asarray(value(h - step))) / (2 * step)
    np.testing.assert_allclose(slope, differences, rtol=1e-5, atol=1e-7)


@pytest.mark.variants
@every_model
def test_value_slope_and_information_are_finite_however_far(name):
    """One program for all levels of saturation."""

    @jax.jit
    def figures(level, h, y):
        noise = MODELS[name]
        noise = Censored(noise.noise, level) if isinstance(noise, Censored) else noise
        value, back = jax.vjp(lambda h: noise.nll(h, y), h)
        return value, back(jnp.ones_like(h))[0], noise.fisher(h)

    for level in (2.0, 50.0, 65_000.0, 1e7):
        h, y = np.meshgrid(np.array([0, 1e-30, 1e-3, 1, 49.999, 50, 6e4, 1e6, 1e8], np.float32), [0, 1, level])
        found = figures(*(jnp.asarray(array, jnp.float32) for array in (level, h, y)))
        for array in found:
            assert array.dtype == jnp.float32
            assert np.isfinite(array).all(), level
        assert (np.asarray(found[-1]) >= 0).all(), level


@pytest.mark.variants
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("level", [1, 10, 300, 20_000])
def test_a_tail_of_counts_is_that_of_the_poisson_distribution(level, dtype):
    mean = level * np.array([0.2, 0.7, 0.92, 0.999, 1.0, 1.001, 1.09, 1.3, 4.0])
    with jax.enable_x64(True):
        ours = np.asarray(log_above(jnp.asarray(mean, dtype), jnp.asarray(level, dtype)))
        at = np.asarray(log_at(jnp.asarray(mean, dtype), jnp.asarray(level, dtype)))
    exact = scipy.stats.poisson.logsf(level - 1, mean)
    seen = exact > -600  # what SciPy tells
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours[seen], exact[seen], rtol=0.003, atol={1: 0.03}.get(level, 0.003))
    exact = scipy.stats.poisson.logpmf(level - 1, mean)
    np.testing.assert_allclose(at, exact, rtol=2e-4, atol=0.003)


def test_full_pixels_show_their_level_and_no_more():
    noise = Censored(Poisson(), FULL)
    counts = np.asarray(noise.sample(jax.random.key(0), jnp.full(1000, 60.0)))
    assert counts.max() == FULL
    assert np.issubdtype(counts.dtype, np.integer)
    np.testing.assert_array_equal(noise.shown(jnp.array([3.0, 80.0])), [3.0, FULL])
    np.testing.assert_array_equal(Poisson().shown(jnp.array([3.0, 80.0])), [3.0, 80.0])


def test_a_full_pixel_pulls_up_but_not_down():
    slope = jax.jit(jax.grad(lambda h: Censored(Poisson(), FULL).nll(h, jnp.full(3, FULL)).sum()))(
        jnp.array([20.0, 50.0, 300.0])
    )
    assert slope[0] < slope[1] < 0
    assert abs(float(slope[2])) < 1e-6


def test_the_curvature_of_gaussian_noise_holds_for_the_brightest_pixel():
    """Along √h the misfit (h - y)² / 2v bends by 4h/v at y = h, twice that of (√y - √h)² by 2h/v."""
    variance, brightest = jnp.array([[4.0, 1.0]]), jnp.array([[100.0, 5.0]])
    noise = Gaussian(variance, brightest)
    bend = jax.jit(jax.hessian(lambda root: noise.nll(root**2, brightest).sum()))(jnp.sqrt(brightest)).reshape(2, 2)
    assert float(noise.curvature) == pytest.approx(float(jnp.diag(bend).max()) / 2, rel=1e-3)


@pytest.mark.parametrize(
    "make", [lambda: Gaussian(0.0, 1.0), lambda: Gaussian(1.0, -1.0), lambda: PoissonGaussian(0.0)]
)
def test_numbers_that_make_no_sense_are_refused(make):
    with pytest.raises(InputError):
        make()
    with pytest.raises(InputError, match="full at -1"):
        Censored(Poisson(), -1.0)
