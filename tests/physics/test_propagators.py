"""From the exit wave to the detector, and free space, against matrices and formulas."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import problems
import ptychograd as pg
from problems import complex_array
from ptychograd.core.errors import InputError
from ptychograd.physics.propagators import AbstractPropagator, FarField, fresnel_kernel


def centred_dft(size):
    """Unitary transform from pixel 0, 1, ... to frequency -(n // 2), ..., as a matrix."""
    n = np.arange(size)
    return np.exp(-2j * np.pi * np.outer(n - size // 2, n) / size) / np.sqrt(size)


# Far field ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 8), (6, 8), (7, 5)])
@pytest.mark.usefixtures("double")
def test_the_far_field_is_the_fourier_transform_with_its_zero_in_the_middle(shape):
    exit_wave = complex_array(3, *shape)
    expected = [centred_dft(shape[0]) @ mode @ centred_dft(shape[1]).T for mode in exit_wave]
    far = FarField(shape, np.complex128)
    np.testing.assert_allclose(far(jnp.asarray(exit_wave), None), expected, atol=1e-13)


@pytest.mark.variants
@pytest.mark.parametrize("shape", [(5, 8), (6, 8), (7, 5)])
@pytest.mark.usefixtures("double")
def test_the_far_field_keeps_energy_and_its_adjoint_is_its_inverse(shape):
    far = FarField(shape, np.complex128)
    x, y = (jnp.asarray(complex_array(2, *shape, seed=seed)) for seed in (0, 1))
    assert np.linalg.norm(far(x)) == pytest.approx(np.linalg.norm(x), rel=1e-13)
    assert np.vdot(y, far(x)) == pytest.approx(np.vdot(far.adjoint(y), x), rel=1e-12)
    np.testing.assert_allclose(far.adjoint(far(x)), x, atol=1e-13)


@pytest.mark.usefixtures("double")
def test_a_shift_of_the_probe_is_invisible_in_the_far_field():
    far, wave, shift = FarField((5, 8), np.complex128), jnp.asarray(complex_array(1, 5, 8)), jnp.array([0.3, -0.4])
    np.testing.assert_array_equal(far(wave, shift), far(wave, None))
    np.testing.assert_array_equal(far.adjoint(wave, shift), far.adjoint(wave, None))


@pytest.mark.parametrize("shape", [(5, 8), (6, 8)])
def test_single_precision_stays_single(shape):
    far, wave = FarField(shape), jnp.asarray(complex_array(1, *shape), jnp.complex64)
    assert far.ramp.dtype == (jnp.complex64 if shape[0] % 2 else jnp.float32)
    assert far(wave).dtype == far.adjoint(wave).dtype == jnp.complex64


# One's own, by its forward direction alone -----------------------------------------------------------------


class OwnFarField(AbstractPropagator):
    """The built-in one written anew, in another order; it has a ramp that is not its own conjugate."""

    def __call__(self, exit_wave, shift):
        shape = exit_wave.shape[-2:]
        along_y, along_x = (jnp.asarray(centred_dft(n), exit_wave.dtype) for n in shape)
        return jnp.einsum("yk,mkl,xl->myx", along_y, exit_wave, along_x)


class Flattened(OwnFarField):
    """Ends in an array of other shape."""

    def __call__(self, exit_wave, shift):
        return exit_wave[..., 1:, :]


@pytest.mark.parametrize("shape", [(5, 8), (7, 5)])
@pytest.mark.usefixtures("double")
def test_the_adjoint_follows_from_the_forward_direction(shape):
    own, far = OwnFarField(), FarField(shape, np.complex128)
    x, y = (jnp.asarray(complex_array(2, *shape, seed=seed)) for seed in (0, 1))
    assert np.vdot(y, own(x, None)) == pytest.approx(np.vdot(own.adjoint(y, None), x), rel=1e-12)
    np.testing.assert_allclose(own.adjoint(y, None), far.adjoint(y), atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("solver", [pg.PIE(), pytest.param(pg.Nesterov(), marks=pytest.mark.slow)])
@pytest.mark.usefixtures("double")
def test_a_fit_with_ones_own_far_field_is_that_with_the_built_in_one(solver):
    data = problems.measurement()
    model = problems.start_model(data, dtype=np.complex128)
    own = eqx.tree_at(lambda model: model.propagator, model, OwnFarField())
    one, other = (pg.reconstruct(model, data, solver, epochs=2, batch_size=8) for model in (model, own))
    assert other.history.loss == pytest.approx(one.history.loss, rel=1e-10)
    np.testing.assert_allclose(other.object, one.object, atol=1e-9)


def test_a_propagator_that_changes_the_shape_needs_its_own_way_back():
    with pytest.raises(InputError, match=r"Flattened makes complex64\[1, 4, 8\].*give it an `adjoint`"):
        Flattened().adjoint(jnp.ones((1, 5, 8), jnp.complex64), None)


# Free space -----------------------------------------------------------------------------------------------

SHAPE, SAMPLING, WAVELENGTH = (96, 125), (0.4e-6, 0.3e-6), 0.15e-9


def propagated(wave, distance):
    kernel = fresnel_kernel(wave.shape, SAMPLING, WAVELENGTH, distance)
    return np.fft.ifft2(np.fft.fft2(wave) * kernel)


def gaussian_beam(shape, waists, distance):
    """Paraxial beam of amplitude exp(-y²/w_y² - x²/w_x²) at its waist, `distance` behind it; exp(+ikz).

    Each axis gains 1/√(1 + iz/z_R) and w² becomes w²(1 + iz/z_R), with z_R = πw²/λ.
    """
    wave = np.ones((1, 1), complex)
    for axis, (n, pixel, waist) in enumerate(zip(shape, SAMPLING, waists, strict=True)):
        r = (np.arange(n) - n // 2) * pixel
        stretch = 1 + 1j * distance * WAVELENGTH / (np.pi * waist**2)
        profile = np.exp(-(r**2) / (waist**2 * stretch)) / np.sqrt(stretch)
        wave = wave * np.expand_dims(profile, 1 - axis)
    return wave


@pytest.mark.parametrize("distance", [0.02, 0.06, -0.04])
def test_a_gaussian_beam_spreads_as_the_paraxial_formula_says(distance):
    waists = (3.5e-6, 2.4e-6)
    start, end = (gaussian_beam(SHAPE, waists, z) for z in (0.0, distance))
    assert np.abs(end - start).max() > 0.1, "the beam must change for this to be a test"
    np.testing.assert_allclose(propagated(start, distance), end, atol=1e-6)


def test_a_plane_wave_gains_the_phase_of_its_angle_on_each_axis():
    """Frequency f turns by -πλz f², with f of each axis from its own number and size of pixels."""
    kernel = fresnel_kernel(SHAPE, SAMPLING, WAVELENGTH, 0.05)
    for cycles in [(0, 0), (3, 0), (0, 3), (-7, 11)]:
        f = [c / (n * pixel) for c, n, pixel in zip(cycles, SHAPE, SAMPLING, strict=True)]
        phase = -np.pi * WAVELENGTH * 0.05 * (f[0] ** 2 + f[1] ** 2)
        assert kernel[cycles] == pytest.approx(np.exp(1j * phase), abs=1e-12)


def test_forth_and_back_is_the_identity_and_keeps_energy():
    wave = complex_array(*SHAPE)
    there = propagated(wave, 0.07)
    assert np.linalg.norm(there) == pytest.approx(np.linalg.norm(wave), rel=1e-13)
    np.testing.assert_allclose(propagated(there, -0.07), wave, atol=1e-12)


def test_two_distances_add_up():
    wave = complex_array(*SHAPE)
    np.testing.assert_allclose(propagated(propagated(wave, 0.03), 0.02), propagated(wave, 0.05), atol=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_too_long_a_distance_is_refused_with_the_limit_of_the_tighter_axis(sign):
    limits = [n * pixel**2 / WAVELENGTH for n, pixel in zip(SHAPE, SAMPLING, strict=True)]
    assert limits[1] < limits[0]
    fresnel_kernel(SHAPE, SAMPLING, WAVELENGTH, sign * 0.999 * limits[1])
    with pytest.raises(InputError, match=r"125 pixels of 3e-07 m.*1.5e-10 m the limit is 0.075 m; use more"):
        fresnel_kernel(SHAPE, SAMPLING, WAVELENGTH, sign * 1.001 * limits[1])
    with pytest.raises(InputError, match=r"96 pixels of 4e-07 m.*limit is 0.1024 m"):
        fresnel_kernel(SHAPE, SAMPLING, WAVELENGTH, sign * 1.001 * limits[0])


def test_at_the_limit_the_kernel_turns_by_at_most_pi_between_neighbours():
    n, pixel = SHAPE[1], SAMPLING[1]
    kernel = fresnel_kernel(SHAPE, SAMPLING, WAVELENGTH, n * pixel**2 / WAVELENGTH)
    f = np.fft.fftfreq(n, pixel)
    phase = np.sort(np.pi * n * pixel**2 * f[f >= 0] ** 2)
    np.testing.assert_allclose(np.exp(-1j * phase), kernel[0, : len(phase)], atol=1e-9)
    assert np.pi * 0.97 < np.diff(phase).max() <= np.pi
