"""Several wavelengths: against direct sums in NumPy, and as solvers see them."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.core.fourier import scaled_transform
from ptychograd.physics.propagators import AngularSpectrum, FarField, Fresnel, Polychromatic, ScaledFarField

SHAPE, SAMPLING, WAVELENGTH = (9, 12), (0.4e-6, 0.5e-6), 1.4e-10
RATIOS, WEIGHTS = (0.97, 1.0, 1.04), (0.2, 0.5, 0.3)
pytestmark = pytest.mark.usefixtures("double")


def direct_sum(wave, ratio):
    """Fraunhofer's integral as a plain sum over metres: detector pixels of the wavelength 1, a wave of `ratio`.

    Distance 1, object pixels d and detector pixels λ/(N d), so that the frequency at a pixel is place/(ratio λ).
    """
    ny, nx = wave.shape
    found = np.zeros(wave.shape, complex)
    y, x = (np.arange(n) * d for n, d in zip(wave.shape, SAMPLING, strict=True))
    for i in range(ny):
        for j in range(nx):
            f_y = (i - ny // 2) * WAVELENGTH / (ny * SAMPLING[0]) / (ratio * WAVELENGTH)
            f_x = (j - nx // 2) * WAVELENGTH / (nx * SAMPLING[1]) / (ratio * WAVELENGTH)
            found[i, j] = np.sum(wave * np.exp(-2j * np.pi * (f_y * y[:, None] + f_x * x)))
    return found / np.sqrt(ny * nx) / ratio


@pytest.mark.parametrize("ratio", [0.9, 1.0, 1.07])
def test_another_wavelength_is_the_direct_sum_on_the_same_detector(ratio):
    wave = problems.complex_array(*SHAPE)
    far = ScaledFarField(SHAPE, ratio, np.complex128)
    np.testing.assert_allclose(far(jnp.asarray(wave[None]))[0], direct_sum(wave, ratio), atol=1e-12)


@pytest.mark.slow
def test_the_same_wavelength_is_the_far_field():
    wave = jnp.asarray(problems.complex_array(2, *SHAPE))
    np.testing.assert_allclose(
        ScaledFarField(SHAPE, 1.0, np.complex128)(wave), FarField(SHAPE, np.complex128)(wave), atol=1e-12
    )
    matrix = scaled_transform(7, 1.0)
    np.testing.assert_allclose(matrix @ matrix.conj().T, np.eye(7), atol=1e-13)


def test_energy_stays_where_the_detector_sees_all_of_a_smooth_wave():
    wave = problems.probe_wave()
    wave = jnp.asarray(np.pad(wave, 14)[None])
    for ratio in (0.97, 1.05):
        far = ScaledFarField(wave.shape[1:], ratio, np.complex128)
        assert jnp.sum(jnp.abs(far(wave)) ** 2) == pytest.approx(float(jnp.sum(jnp.abs(wave) ** 2)), rel=1e-3)


def spectral(near=False):
    def line(ratio):
        if near:
            return Fresnel(SHAPE, SAMPLING, ratio * WAVELENGTH, 2e-3, np.complex128)
        return ScaledFarField(SHAPE, ratio, np.complex128)

    return Polychromatic(tuple(map(line, RATIOS)), jnp.asarray(WEIGHTS))


@pytest.mark.variants
@pytest.mark.parametrize("near", [False, True])
@pytest.mark.parametrize("shift", [None, (0.3, -0.4)])
def test_the_adjoint_of_a_spectrum(near, shift):
    shift = None if shift is None else jnp.array(shift)
    beam = spectral(near)
    one, other = jnp.asarray(problems.complex_array(2, *SHAPE)), jnp.asarray(problems.complex_array(6, *SHAPE, seed=1))
    assert np.vdot(other, beam(one, shift)) == pytest.approx(np.vdot(beam.adjoint(other, shift), one), rel=1e-12)
    assert beam.is_local is near


def with_lengths(model):
    return dataclasses.replace(model, sampling=SAMPLING, wavelength=WAVELENGTH)


@pytest.mark.slow
def test_patterns_of_all_lines_add_up_with_their_weights():
    model = with_lengths(problems.start_model(problems.measurement(), dtype=np.complex128))
    broad = pg.models.with_spectrum(model, [ratio * WAVELENGTH for ratio in RATIOS], [2, 5, 3])
    index = jnp.array(4)
    exit_wave = np.asarray(model.exit_wave(index)[0])
    expected = sum(w * np.abs(direct_sum(exit_wave, r)) ** 2 for r, w in zip(RATIOS, WEIGHTS, strict=True))
    np.testing.assert_allclose(broad(index), expected, rtol=1e-9, atol=1e-9)
    assert type(broad.propagator.lines[1]) is FarField


@pytest.mark.parametrize("space", [Fresnel, AngularSpectrum])
def test_a_near_field_has_a_line_for_every_wavelength(space):
    model = with_lengths(problems.start_model(problems.measurement(), dtype=np.complex128))
    propagator = space(problems.FRAME, SAMPLING, WAVELENGTH, 5e-3, np.complex128)
    model = dataclasses.replace(model, propagator=propagator)
    broad = pg.models.with_spectrum(model, [ratio * WAVELENGTH for ratio in RATIOS], WEIGHTS)
    exit_wave = np.asarray(model.exit_wave(jnp.array(4))[0])
    f_y, f_x = (np.fft.fftfreq(n, d) for n, d in zip(problems.FRAME, SAMPLING, strict=True))
    expected = 0
    for ratio, weight in zip(RATIOS, WEIGHTS, strict=True):
        length = ratio * WAVELENGTH
        along = np.sqrt(1 / length**2 - f_y[:, None] ** 2 - f_x**2) - 1 / length
        wave = np.fft.ifft2(np.fft.fft2(exit_wave) * np.exp(2j * np.pi * 5e-3 * along))
        expected = expected + weight * np.abs(wave) ** 2
    np.testing.assert_allclose(broad(jnp.array(4)), expected, rtol=1e-3, atol=1e-3 * expected.max())


def test_regauged_weights_are_positive_and_add_up_to_one():
    beam = eqx.tree_at(lambda b: b.weights, spectral(), jnp.array([0.6, -0.1, 0.9]))
    weights = beam.gauge_fixed()[0]["weights"]
    assert float(jnp.sum(weights)) == pytest.approx(1)
    assert weights.min() > 0
    np.testing.assert_allclose(weights[2] / weights[0], 1.5)


def test_a_gaussian_spectrum_has_its_mean_and_half_its_height_at_half_its_width():
    lengths, weights = pg.models.gaussian_lines(WAVELENGTH, 0.02, 5)
    assert np.average(lengths, weights=weights) == pytest.approx(WAVELENGTH)
    assert sum(weights) == pytest.approx(1)
    assert lengths[3] - lengths[1] == pytest.approx(0.02 * WAVELENGTH)
    assert weights[1] == pytest.approx(weights[2] / 2)


@pytest.mark.slow
def test_a_spectrum_in_the_model_explains_patterns_of_one():
    """Patterns by direct sums in NumPy: without the spectrum they are misread."""
    ratios = 0.85, 1.0, 1.15
    probe, object, rng = problems.probe_wave(1e6), problems.object_wave(), np.random.default_rng(0)
    ny, nx = problems.FRAME
    rows, columns = {}, {}
    for ratio in ratios:
        rows[ratio], columns[ratio] = (
            np.exp(-2j * np.pi * np.outer((np.arange(n) - n // 2) / (n * ratio), np.arange(n))) / np.sqrt(n * ratio)
            for n in (ny, nx)
        )
    patterns = []
    for y, x in problems.positions().astype(int):
        wave = probe * object[y : y + ny, x : x + nx]
        lines = [w * np.abs(rows[r] @ wave @ columns[r].T) ** 2 for r, w in zip(ratios, WEIGHTS, strict=True)]
        patterns.append(rng.poisson(sum(lines)))
    data = pg.make_dataset(np.array(patterns, np.uint32), problems.positions(), probe=probe[None])
    start = with_lengths(pg.far_field(data))
    factors = []
    broad = pg.models.with_spectrum(start, [r * WAVELENGTH for r in ratios], WEIGHTS)
    for model in (start, broad):
        result = pg.reconstruct(model, data, pg.Nesterov(), epochs=20, batch_size=16, trainable=("object",))
        factors.append(result.history.r_factor[-1])
    assert factors[1] < 0.6 * factors[0]


def test_a_spectrum_that_can_not_be_says_so():
    model = with_lengths(problems.start_model(problems.measurement()))
    with pytest.raises(pg.InputError, match="expected half to twice that"):
        pg.models.with_spectrum(model, [3 * WAVELENGTH], [1.0])
    with pytest.raises(pg.InputError, match="expected numbers above zero"):
        pg.models.with_spectrum(model, [WAVELENGTH, 1.1 * WAVELENGTH], [1.0, 0.0])
    with pytest.raises(pg.InputError, match="as many of both"):
        pg.models.with_spectrum(model, [WAVELENGTH], [1.0, 2.0])
    with pytest.raises(pg.InputError, match="knows pixels only"):
        pg.models.with_bandwidth(problems.start_model(problems.measurement()), 0.01)
    with pytest.raises(pg.InputError, match=r"below 0\.5"):
        pg.models.with_bandwidth(model, 0.7)
    with pytest.raises(pg.InputError, match="can't go into Polychromatic"):
        pg.models.with_bandwidth(pg.models.with_bandwidth(model, 0.01), 0.01)


@pytest.mark.parametrize("weights", [(0.4, 1.0, 0.6), (0.3, 0.9, -0.05), (3e-5, 0.2, 0.0)])
def test_regauging_weights_changes_no_pattern(weights):
    """Whose sum is not 1, which went below zero, and which are fainter than a line may get."""
    lines = tuple(ScaledFarField(SHAPE, ratio, np.complex128) for ratio in RATIOS)
    before = Polychromatic(lines, jnp.asarray(weights))
    (change,) = before.gauge_fixed()
    after = Polychromatic(lines, change["weights"])
    wave, detector = jnp.asarray(problems.complex_array(2, *SHAPE)), pg.physics.Detector(0.0)
    np.testing.assert_allclose(detector(after(wave)), detector(before(wave)), rtol=2e-4)
    assert float(change["weights"].sum()) == pytest.approx(1)
    assert float(change["weights"].min()) > 0
