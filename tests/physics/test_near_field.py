"""Free space from object to detector: matrices, a Gaussian beam, tilted waves, and where sampling ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_propagators import SAMPLING, SHAPE, WAVELENGTH, gaussian_beam

from problems import complex_array
from ptychograd.core.errors import InputError
from ptychograd.core.fourier import translate
from ptychograd.physics.propagators import (
    AngularSpectrum,
    FarField,
    Fresnel,
    angular_spectrum_limits,
    fresnel_limits,
)

WIDE = (0.85e-6, 0.95e-6, 1.0e-6)  # pixels (y, x) and a wavelength, in metres, of waves at large angles
CASES = {
    Fresnel: ((0.4e-6, 0.3e-6), 0.15e-9, 4e-3),
    AngularSpectrum: (WIDE[:2], WIDE[2], 2.2e-6),
}
SHAPES = [(9, 14), (12, 11), (10, 16)]
both = pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)
pytestmark = pytest.mark.usefixtures("double")


def made(kind, shape, dtype=np.complex128, distance=None):
    sampling, wavelength, usual = CASES[kind]
    return kind(shape, sampling, wavelength, usual if distance is None else distance, dtype)


def signed(size):
    """Whole cycles of each entry of a discrete transform: 0, 1, ..., then the negative ones."""
    k = np.arange(size)
    return (k + size // 2) % size - size // 2


def by_matrices(kind, wave, shift=(0.0, 0.0)):
    """Transforms as matrices; H of Goodman's chapters 3 and 4 from cosines; moved back by `shift` pixels."""
    sampling, wavelength, distance = CASES[kind]
    cycles = [signed(n) for n in wave.shape[-2:]]
    turns = [np.exp(-2j * np.pi * np.outer(c, np.arange(len(c))) / len(c)) / np.sqrt(len(c)) for c in cycles]
    sines = [wavelength * c / (len(c) * pixel) for c, pixel in zip(cycles, sampling, strict=True)]
    squared = sines[0][:, None] ** 2 + sines[1][None, :] ** 2
    path = -squared / 2 if kind is Fresnel else np.sqrt(1 - squared) - 1
    transfer = np.exp(2j * np.pi * distance / wavelength * path)
    for axis, (c, s) in enumerate(zip(cycles, shift, strict=True)):
        transfer = transfer * np.expand_dims(np.exp(2j * np.pi * c * s / len(c)), 1 - axis)
    spectrum = turns[0] @ wave @ turns[1].T * transfer
    return turns[0].conj().T @ spectrum @ turns[1].conj()


# One wave -------------------------------------------------------------------------------------------------


@pytest.mark.variants
@both
@shapes
@pytest.mark.parametrize("shift", [None, (0.3, -0.45)], ids=["no shift", "a shift"])
def test_free_space_is_a_product_with_matrices(kind, shape, shift):
    """Three modes, pixels that are not square, and a window that is moved back by what the probe was moved."""
    wave, space = complex_array(3, *shape), made(kind, shape)
    found = space(jnp.asarray(wave), None if shift is None else jnp.asarray(shift))
    expected = by_matrices(kind, wave, shift or (0.0, 0.0))
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.abs(expected - wave).max() > 1, "the wave must change for this to be a test"


@pytest.mark.variants
@both
@shapes
@pytest.mark.parametrize("shift", [None, (0.3, -0.45)], ids=["no shift", "a shift"])
def test_energy_is_kept_and_the_adjoint_is_the_inverse(kind, shape, shift):
    space, shift = made(kind, shape), None if shift is None else jnp.asarray(shift)
    x, y = (jnp.asarray(complex_array(2, *shape, seed=seed)) for seed in (0, 1))
    assert np.linalg.norm(space(x, shift)) == pytest.approx(np.linalg.norm(x), rel=1e-13)
    assert np.vdot(y, space(x, shift)) == pytest.approx(np.vdot(space.adjoint(y, shift), x), rel=1e-12)
    np.testing.assert_allclose(space.adjoint(space(x, shift), shift), x, atol=1e-12)


@pytest.mark.variants
@both
@shapes
def test_the_shift_of_the_probe_is_taken_back_exactly(kind, shape):
    """The window stays with the probe: a wave moved by s, and told so, makes the pattern of one that isn't moved."""
    space, wave, shift = made(kind, shape), jnp.asarray(complex_array(2, *shape)), jnp.array([0.37, -0.21])
    moved = translate(wave, shift)
    assert np.abs(space(moved, None) - space(wave, None)).max() > 0.1
    np.testing.assert_allclose(space(moved, shift), space(wave, None), atol=1e-12)
    np.testing.assert_allclose(space.adjoint(wave, shift), translate(space.adjoint(wave, None), shift), atol=1e-12)


@both
def test_modes_do_not_see_one_another(kind):
    wave, space = jnp.asarray(complex_array(3, 9, 14)), made(kind, (9, 14))
    together = space(wave, None)
    for mode, alone in zip(wave, together, strict=True):
        np.testing.assert_allclose(space(mode, None), alone, atol=1e-13)


@pytest.mark.slow
@both
@pytest.mark.parametrize("shape", [(9, 14), (10, 16)])
def test_single_precision_stays_single(kind, shape):
    """With 64 bits switched on, where a stray Python number would show; to six digits it is the double one."""
    space, wave = made(kind, shape, np.complex64), complex_array(2, *shape)
    assert space.distance.dtype == jnp.float32
    shift = jnp.array([0.3, -0.4], jnp.float32)
    for result in (space(jnp.asarray(wave, jnp.complex64), shift), space.adjoint(jnp.asarray(wave, jnp.complex64))):
        assert result.dtype == jnp.complex64
    single, double = (
        made(kind, shape, dtype)(jnp.asarray(wave, dtype), shift) for dtype in (np.complex64, np.complex128)
    )
    np.testing.assert_allclose(single, double, atol=1e-5)


@both
def test_the_distance_is_a_parameter_and_zero_does_nothing(kind):
    space = made(kind, (9, 14), distance=0.0)
    wave = jnp.asarray(complex_array(1, 9, 14))
    assert [leaf.shape for leaf in jax.tree.leaves(space) if isinstance(leaf, jax.Array)] == [()]
    np.testing.assert_allclose(space(wave, None), wave, atol=1e-13)


# Physics --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [0.02, 0.06, -0.04])
def test_a_gaussian_beam_spreads_as_the_paraxial_formula_says(distance):
    waists = (3.5e-6, 2.4e-6)
    start, end = (gaussian_beam(SHAPE, waists, z) for z in (0.0, distance))
    space = Fresnel(SHAPE, SAMPLING, WAVELENGTH, distance, np.complex128)
    assert np.abs(end - start).max() > 0.1
    np.testing.assert_allclose(space(jnp.asarray(start), None), end, atol=1e-6)


@pytest.mark.variants
@pytest.mark.parametrize("cycles", [(0, 0), (5, 0), (0, -6), (4, 7)])
def test_a_tilted_plane_wave_gains_the_phase_of_its_cosine(cycles):
    """2πz(cos θ - 1)/λ; the paraxial one -πz sin²θ/λ is the same for small angles and not for large ones."""
    shape, (dy, dx, wavelength) = (17, 22), WIDE
    exact = made(AngularSpectrum, shape)
    distance = CASES[AngularSpectrum][2]
    y, x = np.mgrid[: shape[0], : shape[1]]
    wave = np.exp(2j * np.pi * (cycles[0] * y / shape[0] + cycles[1] * x / shape[1]))
    sine = wavelength * np.hypot(cycles[0] / (shape[0] * dy), cycles[1] / (shape[1] * dx))
    cosine = np.cos(np.arcsin(sine))
    expected = wave * np.exp(2j * np.pi * distance * (cosine - 1) / wavelength)
    np.testing.assert_allclose(exact(jnp.asarray(wave), None), expected, atol=1e-12)
    paraxial = Fresnel(shape, (dy, dx), wavelength, distance, np.complex128)(jnp.asarray(wave), None)
    fourth_order = 2 * np.pi * distance / wavelength * sine**4 / 8
    assert np.abs(paraxial - expected).max() == pytest.approx(fourth_order, rel=0.4, abs=1e-12)


@pytest.mark.slow
def test_small_angles_know_no_difference_between_the_two():
    """X-rays on pixels of 0.4 µm: sin θ of 2·10⁻⁴; at 1.6 µm of wavelength they part."""
    wave = jnp.asarray(complex_array(1, 30, 41))

    def difference(wavelength, distance):
        exact, paraxial = (
            kind((30, 41), SAMPLING, wavelength, distance, np.complex128) for kind in (AngularSpectrum, Fresnel)
        )
        return float(np.abs(exact(wave, None) - paraxial(wave, None)).max())

    assert difference(WAVELENGTH, 0.02) < 1e-4
    assert difference(0.35e-6, 4e-6) > 0.3


@pytest.mark.slow
def test_at_the_far_fields_own_distance_a_near_field_is_a_far_field():
    """λz/(n dx) is dx for z = n dx²/λ, so the pixels are the same, and a small wave in the middle is far away."""
    shape = (384, 512)
    sampling = (0.4e-6, 0.4e-6 * np.sqrt(384 / 512))
    distance = fresnel_limits(shape, sampling, WAVELENGTH)[0]
    y, x = np.mgrid[: shape[0], : shape[1]]
    dy, dx = y - 192, x - 256
    wave = np.exp(-((dy / 1.2) ** 2) - ((dx - 0.6) / 1.4) ** 2) * np.exp(0.5j * dy - 0.3j * dx) * (1 + 0.3 * dy)
    near = Fresnel(shape, sampling, WAVELENGTH, distance * (1 - 1e-12), np.complex128)
    patterns = [np.abs(space(jnp.asarray(wave), None)) ** 2 for space in (near, FarField(shape, np.complex128))]
    np.testing.assert_allclose(patterns[0], patterns[1], atol=0.01 * patterns[1].max())
    assert np.abs(patterns[1] - patterns[1][::-1, ::-1]).max() > 0.2 * patterns[1].max(), "an orientation must show"


# Limits ---------------------------------------------------------------------------------------------------


def transfer_phase(kind, size, pixel, wavelength, distance, other):
    """Phase of H in radians over ascending frequencies of one axis, at the frequency `other` of the other axis."""
    f = np.sort(np.fft.fftfreq(size, pixel))
    if kind is Fresnel:
        return np.pi * wavelength * distance * f**2
    return 2 * np.pi * distance * np.sqrt(1 / wavelength**2 - f**2 - other**2)


@both
@shapes
@pytest.mark.parametrize("axis", [0, 1], ids="yx")
def test_at_the_limit_h_turns_by_at_most_pi_between_neighbours(kind, shape, axis):
    """On the edge of the other axis, where it turns fastest."""
    sampling, wavelength, _ = CASES[kind]
    limits = {Fresnel: fresnel_limits, AngularSpectrum: angular_spectrum_limits}[kind]
    distance = limits(shape, sampling, wavelength)[axis]
    edge = 1 / (2 * sampling[1 - axis])
    phase = transfer_phase(kind, shape[axis], sampling[axis], wavelength, distance, edge)
    assert 0.6 * np.pi < np.abs(np.diff(phase)).max() <= np.pi


def test_a_fine_grid_comes_close_to_pi_at_the_limit():
    distance = angular_spectrum_limits((400, 600), WIDE[:2], WIDE[2])[1]
    phase = transfer_phase(AngularSpectrum, 600, WIDE[1], WIDE[2], distance, 1 / (2 * WIDE[0]))
    assert np.abs(np.diff(phase)).max() == pytest.approx(np.pi, rel=0.01)


def test_for_small_angles_both_limits_are_the_same():
    paraxial, exact = (limits(SHAPE, SAMPLING, WAVELENGTH) for limits in (fresnel_limits, angular_spectrum_limits))
    assert paraxial == pytest.approx((96 * 0.4e-6**2 / WAVELENGTH, 125 * 0.3e-6**2 / WAVELENGTH))
    assert exact == pytest.approx(paraxial, rel=1e-6)


@both
@pytest.mark.parametrize("sign", [1, -1])
def test_too_long_a_distance_is_refused_with_its_numbers(kind, sign):
    shape = (20, 30)
    sampling, wavelength, _ = CASES[kind]
    limits = {Fresnel: fresnel_limits, AngularSpectrum: angular_spectrum_limits}[kind](shape, sampling, wavelength)
    tight = int(np.argmin(limits))
    kind(shape, sampling, wavelength, sign * 0.999 * limits[tight])
    text = rf"{sign * 1.01 * limits[tight]:.4g} m aliases on {shape[tight]} pixels of {sampling[tight]:.4g} m.*limit is"
    with pytest.raises(InputError, match=rf"{text} {limits[tight]:.4g} m; use more or larger pixels"):
        kind(shape, sampling, wavelength, sign * 1.01 * limits[tight])
    with pytest.raises(InputError, match="nan m aliases"):
        kind(shape, sampling, wavelength, float("nan"))


@pytest.mark.parametrize("pixels", [(0.7e-6, 0.7e-6), (3e-6, 0.45e-6)])
def test_pixels_that_resolve_evanescent_waves_are_refused(pixels):
    """The corner of the frequencies, 1/(2 dy) and 1/(2 dx), must be inside of 1/λ: pixels over λ/√2, if square."""
    assert angular_spectrum_limits((20, 30), pixels, 1e-6) == (0, 0)
    with pytest.raises(InputError, match=r"do not propagate at a wavelength of 1e-06 m; use .* 7.071e-07 m"):
        AngularSpectrum((20, 30), pixels, 1e-6, 1e-9)
    AngularSpectrum((20, 30), (0.72e-6, 0.72e-6), 1e-6, 1e-9)
