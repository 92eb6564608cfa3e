"""Fourier conventions: sign, centring, translation, and that energy is kept; odd, even and mixed sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from problems import complex_array
from ptychograd.core.fourier import centred, centring_ramp, fft2, frequencies, ifft2, translate, uncentred

SHAPES = [(6, 8), (5, 7), (5, 8), (6, 7)]
pytestmark = pytest.mark.usefixtures("double")


translated = jax.jit(translate)


def dft(size):
    """The unitary discrete Fourier transform as a matrix."""
    n = np.arange(size)
    return np.exp(-2j * np.pi * np.outer(n, n) / size) / np.sqrt(size)


@pytest.mark.parametrize("shape", SHAPES)
def test_fft2_is_the_unitary_sum_with_a_negative_sign(shape):
    wave = complex_array(3, *shape)
    spectrum = np.stack([dft(shape[0]) @ mode @ dft(shape[1]).T for mode in wave])
    np.testing.assert_allclose(fft2(jnp.asarray(wave)), spectrum, atol=1e-13)
    np.testing.assert_allclose(ifft2(jnp.asarray(spectrum)), wave, atol=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_ifft2_is_the_adjoint_of_fft2(shape):
    x, y = complex_array(*shape), complex_array(*shape, seed=1)
    assert np.vdot(y, fft2(jnp.asarray(x))) == pytest.approx(np.vdot(ifft2(jnp.asarray(y)), x), rel=1e-12)


def test_frequencies_are_cycles_per_pixel_zero_first():
    np.testing.assert_allclose(frequencies(5), [0, 0.2, 0.4, -0.4, -0.2])
    np.testing.assert_allclose(frequencies(4), [0, 0.25, -0.5, -0.25])


# Centring -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_the_centring_ramp_does_what_fftshift_does(shape):
    wave = complex_array(*shape)
    with_ramp = np.fft.fft2(centring_ramp(shape) * wave)
    np.testing.assert_allclose(with_ramp, np.fft.fftshift(np.fft.fft2(wave)), atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_flat_wave_lands_on_the_middle_pixel(shape):
    intensity = np.abs(fft2(jnp.asarray(centring_ramp(shape) * np.ones(shape)))) ** 2
    middle = (shape[0] // 2, shape[1] // 2)
    assert intensity[middle] == pytest.approx(np.prod(shape))
    assert intensity.sum() == pytest.approx(np.prod(shape))


def test_the_ramp_of_even_sizes_is_a_real_checkerboard():
    ramp = centring_ramp((4, 6))
    assert np.isrealobj(ramp)
    np.testing.assert_array_equal(ramp, (-1.0) ** np.add.outer(np.arange(4), np.arange(6)))
    assert np.iscomplexobj(centring_ramp((4, 7)))


@pytest.mark.parametrize("shape", SHAPES)
def test_centred_moves_the_first_pixel_to_the_middle_and_uncentred_back(shape):
    image = np.arange(2 * np.prod(shape)).reshape(2, *shape)
    np.testing.assert_array_equal(centred(image)[:, shape[0] // 2, shape[1] // 2], image[:, 0, 0])
    np.testing.assert_array_equal(uncentred(centred(image)), image)


# Translation ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shift", [(1, 2), (-3, 1)])
def test_translation_by_whole_pixels_is_a_roll(shape, shift):
    wave = complex_array(2, *shape)
    moved = translated(jnp.asarray(wave), jnp.asarray(shift, float))
    np.testing.assert_allclose(moved, np.roll(wave, shift, axis=(1, 2)), atol=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_plane_wave_gains_the_phase_of_its_path(shape):
    """exp(2πi f·r) moved by s is exp(2πi f·(r - s)), between pixels too."""
    frequency, shift = np.array([-1 / shape[0], 1 / shape[1]]), np.array([0.3, -1.45])
    y, x = np.indices(shape)
    plane = np.exp(2j * np.pi * (frequency[0] * y + frequency[1] * x))
    expected = plane * np.exp(-2j * np.pi * frequency @ shift)
    np.testing.assert_allclose(translated(jnp.asarray(plane), jnp.asarray(shift)), expected, atol=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_translation_forth_and_back_is_the_identity_and_keeps_energy(shape):
    wave, shift = jnp.asarray(complex_array(2, *shape)), jnp.array([0.37, -0.81])
    moved = translated(wave, shift)
    np.testing.assert_allclose(translated(moved, -shift), wave, atol=1e-13)
    assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(wave), rel=1e-13)
    assert not np.allclose(moved, wave, atol=0.1)


def test_half_a_shift_twice_is_the_shift():
    """Even at the Nyquist frequency of an even size, where the sign of the frequency is a choice."""
    wave, shift = jnp.asarray(complex_array(6, 7)), jnp.array([0.5, -0.25])
    twice = translated(translated(wave, shift / 2), shift / 2)
    np.testing.assert_allclose(twice, translated(wave, shift), atol=1e-13)


def test_no_shift_costs_nothing():
    wave = jnp.asarray(complex_array(5, 8))
    assert translate(wave, None) is wave


def test_translation_keeps_single_precision():
    wave = jnp.asarray(complex_array(5, 8), jnp.complex64)
    assert translated(wave, jnp.array([0.5, 0.1], jnp.float32)).dtype == jnp.complex64
    assert translated(wave, jnp.array([0.5, 0.1], jnp.float64)).dtype == jnp.complex64
