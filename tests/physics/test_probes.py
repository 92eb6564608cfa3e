"""Probes: what falls on the object, exposure by exposure, and in which form people look at it."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.fitting.solvers.derivatives import Automatic, batch_sums
from ptychograd.models.effects import with_aberrations, with_modes, with_varying_intensity, with_varying_probe
from ptychograd.models.starts import defocused
from ptychograd.physics.probes import AberratedProbe, Probe, VaryingProbe, orthogonal_modes, zernike

SHAPE = (9, 12)
SAMPLING, WAVELENGTH = (0.4e-6, 0.5e-6), 1.4e-10
pytestmark = pytest.mark.usefixtures("double")


def a_varying_probe(patterns=7, count=2):
    rng = np.random.default_rng(4)
    return VaryingProbe(
        jnp.asarray(problems.complex_array(2, *SHAPE)),
        jnp.asarray(0.1 * problems.complex_array(count, *SHAPE, seed=1)),
        jnp.asarray(rng.normal(size=(patterns, count)) + 0.3),
        jnp.asarray(rng.uniform(0.5, 1.5, (patterns, 1))),
    )


def test_orthogonal_modes_make_the_same_intensity_in_every_plane():
    modes = problems.complex_array(3, *SHAPE)
    found, powers = orthogonal_modes(modes)
    overlaps = np.tensordot(found.conj(), found, axes=((1, 2), (1, 2)))
    np.testing.assert_allclose(overlaps, np.diag(powers), atol=1e-10)
    assert list(powers) == sorted(powers, reverse=True)
    for plane in (lambda wave: wave, np.fft.fft2):
        np.testing.assert_allclose(np.sum(np.abs(plane(found)) ** 2, 0), np.sum(np.abs(plane(modes)) ** 2, 0))


def test_orthogonal_modes_undo_a_unitary_mixture_of_complex_ones():
    """With the conjugate in the wrong place the modes would stay mixed."""
    true, powers = orthogonal_modes(problems.complex_array(3, *SHAPE))
    mixture, _ = np.linalg.qr(problems.complex_array(3, 3, seed=9))
    found, again = orthogonal_modes(np.tensordot(mixture, true, axes=1))
    np.testing.assert_allclose(again, powers)
    for one, other, power in zip(true, found, powers, strict=True):
        assert abs(np.vdot(one, other)) == pytest.approx(power)


def test_equal_modes_are_one_mode():
    wave = problems.complex_array(*SHAPE)
    found, powers = orthogonal_modes(np.stack([wave, wave]))
    np.testing.assert_allclose(powers, [2 * np.sum(np.abs(wave) ** 2), 0], atol=1e-10)
    np.testing.assert_allclose(found[1], 0, atol=1e-12)


@pytest.mark.slow
def test_a_varying_probe_is_the_formula():
    probe = a_varying_probe()
    for index in (0, 3, 6):
        first = probe.modes[0] + np.tensordot(probe.weights[index], probe.variations, axes=1)
        expected = np.sqrt(probe.intensity[index, 0]) * np.stack([first, probe.modes[1]])
        np.testing.assert_allclose(probe(jnp.array(index)), expected, atol=1e-14)


def test_what_does_not_vary_is_the_mode_alone():
    modes = jnp.asarray(problems.complex_array(2, *SHAPE))
    np.testing.assert_array_equal(VaryingProbe(modes)(jnp.array(1)), modes)
    assert VaryingProbe(modes).per_pattern == {}
    assert VaryingProbe(modes).gauge_fixed() == ()


@pytest.mark.slow
def test_regauging_a_varying_probe_changes_no_exposure():
    probe = a_varying_probe()
    (changes,) = probe.gauge_fixed()
    again = VaryingProbe(changes["modes"], changes["variations"], changes["weights"], changes["intensity"])
    for index in range(7):
        np.testing.assert_allclose(again(jnp.array(index)), probe(jnp.array(index)), atol=1e-12)
    np.testing.assert_allclose(jnp.mean(again.weights, 0), 0, atol=1e-14)
    np.testing.assert_allclose(jnp.mean(again.weights**2, 0), 1)
    assert jnp.mean(again.intensity) == pytest.approx(1)


@pytest.mark.slow
def test_weights_of_zero_survive_regauging():
    start = with_varying_probe(problems.start_model(problems.measurement()), 2).probe
    (changes,) = start.gauge_fixed()
    np.testing.assert_array_equal(changes["weights"], 0)
    np.testing.assert_array_equal(changes["variations"], start.variations)


def sums_of(model, *names):
    from ptychograd.core.parameters import partition
    from ptychograd.fitting.objective import Batch, Objective

    parameters, rest = partition(model, names)
    objective = Objective(rest, pg.Amplitude())
    variables = Automatic().variables(parameters)
    index = jnp.array([1, 4, 5])
    patterns = jnp.ones((3, *problems.FRAME))
    batch = Batch(pg.physics.Group(index), patterns, jnp.ones(problems.FRAME, bool), jnp.ones(3))
    return batch_sums(Automatic(), objective, variables, batch)


@pytest.mark.slow
def test_the_diagonal_of_each_variation_is_the_sum_of_squares_whatever_the_others_are():
    """Together two variations could cancel in J^H J 1: here the second has the opposite weights of the first."""
    data = problems.measurement()
    model = with_varying_intensity(with_varying_probe(problems.start_model(data, dtype=np.complex128), 2))
    weights = np.random.default_rng(0).normal(size=(data.count, 1)) * [1, -1]
    intensity = np.random.default_rng(1).uniform(0.5, 1.5, (data.count, 1))
    model = eqx.tree_at(
        lambda m: (m.probe.weights, m.probe.intensity), model, (jnp.asarray(weights), jnp.asarray(intensity))
    )
    sums = sums_of(model, "object.transmission", "probe.variations", "probe.modes")
    expected, mean = np.zeros((2, *problems.FRAME)), np.zeros((1, *problems.FRAME))
    for index in (1, 4, 5):
        corner = model.scan.corner[index]
        patch = np.abs(model.object.patch(corner, problems.FRAME)) ** 2
        expected += intensity[index] * weights[index][:, None, None] ** 2 * patch
        mean += intensity[index] * patch
    np.testing.assert_allclose(sums.diagonals["probe.variations"], pg.Amplitude().curvature * expected)
    np.testing.assert_allclose(sums.diagonals["probe.modes"], pg.Amplitude().curvature * mean)
    illuminated = np.zeros(problems.OBJECT)
    for index in (1, 4, 5):
        y, x = model.scan.corner[index]
        illuminated[y : y + 20, x : x + 18] += np.abs(model.probe(jnp.array(index))[0]) ** 2
    np.testing.assert_allclose(sums.diagonals["object.transmission"], pg.Amplitude().curvature * illuminated)


@pytest.mark.slow
def test_intensities_that_fluctuate_are_found():
    """Patterns by NumPy, each with its own exposure; a small free object can tell slow changes of it as well."""
    data = problems.measurement(photons=1e6, dtype=np.uint32)
    chance = np.random.default_rng(8).normal(1, 0.1, data.count)
    chance /= chance.mean()
    scaled = np.round(data.patterns * chance[:, None, None]).astype(np.uint32)
    data = dataclasses.replace(data, patterns=scaled)
    misfits = []
    for model in (pg.far_field(data), with_varying_intensity(pg.far_field(data))):
        result = pg.reconstruct(model, data, pg.Nesterov(), epochs=100, batch_size=8)
        misfits.append(result.history.r_factor[-1])
    found = result.arrays["probe.intensity"][:, 0]
    assert np.corrcoef(found, chance)[0, 1] > 0.85
    assert np.sqrt(np.mean((found - chance) ** 2)) < 0.5 * np.sqrt(np.mean((1 - chance) ** 2))
    assert misfits[1] < 0.4 * misfits[0]


@pytest.mark.slow
def test_variations_start_where_they_can_move():
    model = with_varying_probe(problems.start_model(problems.measurement()), 2)
    probe = model.probe
    np.testing.assert_allclose(probe(jnp.array(3)), probe.modes)
    both = jnp.concatenate([probe.modes, probe.variations]).reshape(3, -1)
    assert jnp.linalg.matrix_rank(jnp.concatenate([both.real, both.imag], 1), rtol=1e-3) == 3


def test_pieces_of_a_probe_go_together_or_say_no():
    model = problems.start_model(problems.measurement())
    varying = with_varying_intensity(with_varying_probe(with_modes(model, 2), 3))
    assert (varying.probe.modes.shape[0], varying.probe.weights.shape[1]) == (2, 3)
    assert varying.probe.intensity.shape == (len(model.scan.corner), 1)
    with pytest.raises(pg.InputError, match="VaryingProbe; call `with_modes` first"):
        with_modes(varying, 2)
    with pytest.raises(pg.InputError, match="0 variations"):
        with_varying_probe(model, 0)
    with pytest.raises(pg.InputError, match="needs lengths in metres"):
        with_aberrations(model, 1e-3)


def in_metres(model):
    return dataclasses.replace(model, sampling=SAMPLING, wavelength=WAVELENGTH)


@pytest.mark.slow
def test_a_defocus_leaves_the_wave_on_the_object_as_it_was():
    model = in_metres(problems.start_model(problems.measurement(), dtype=np.complex128))
    model = dataclasses.replace(model, probe=Probe(jnp.asarray(problems.probe_wave()[None])))
    apart = with_aberrations(model, 2e-3)
    np.testing.assert_allclose(apart.probe(jnp.array(0)), model.probe.modes, atol=1e-10 * 300)
    assert np.abs(apart.probe.modes - model.probe.modes).max() > 1
    moved = eqx.tree_at(lambda m: m.probe.defocus, apart, jnp.asarray(3e-3))
    expected = defocused(problems.probe_wave(), SAMPLING, WAVELENGTH, 1e-3)
    np.testing.assert_allclose(moved.probe(jnp.array(0))[0], expected, atol=1e-9 * 300)


def test_zernike_polynomials_are_orthonormal_over_the_disk_and_known_ones_by_name():
    y, x = np.mgrid[-1:1:801j, -1:1:801j]
    rho, angle = np.hypot(y, x), np.arctan2(y, x)
    inside = rho <= 1
    shapes = np.stack([zernike(noll, rho, angle)[inside] for noll in range(1, 12)])
    np.testing.assert_allclose(shapes @ shapes.T / inside.sum(), np.eye(11), atol=2e-2)
    known = {2: 2 * x, 3: 2 * y, 4: np.sqrt(3) * (2 * rho**2 - 1), 6: np.sqrt(6) * (x**2 - y**2)}
    known |= {5: 2 * np.sqrt(6) * x * y, 8: np.sqrt(8) * (3 * rho**2 - 2) * x, 7: np.sqrt(8) * (3 * rho**2 - 2) * y}
    known |= {11: np.sqrt(5) * (6 * rho**4 - 6 * rho**2 + 1)}
    for noll, shape in known.items():
        np.testing.assert_allclose(zernike(noll, rho, angle)[inside], shape[inside], atol=1e-12)
    assert not zernike(4, rho, angle)[~inside].any()


def test_an_aberration_turns_the_phase_over_the_pupil_and_keeps_the_power():
    model = in_metres(problems.start_model(problems.measurement(), dtype=np.complex128))
    pupil = 0.8e6
    probe = with_aberrations(model, aberrations={6: 0.7, 8: -0.3}, pupil=pupil).probe
    plain = np.asarray(model.probe.modes[0])
    f_y, f_x = (np.fft.fftfreq(n, d) for n, d in zip(problems.FRAME, SAMPLING, strict=True))
    u, v = f_x / pupil + 0 * f_y[:, None], f_y[:, None] / pupil + 0 * f_x
    phase = 0.7 * np.sqrt(6) * (u**2 - v**2) - 0.3 * np.sqrt(8) * (3 * (u**2 + v**2) - 2) * u
    phase = np.where(np.hypot(u, v) <= 1, phase, 0)
    expected = np.fft.ifft2(np.fft.fft2(plain) * np.exp(1j * phase))
    np.testing.assert_allclose(probe(jnp.array(0))[0], expected, atol=1e-10 * np.abs(plain).max())


@pytest.mark.slow
def test_a_defocus_that_is_off_is_found_with_a_known_aperture(tmp_path):
    """The paper's aperture and patterns, on fewer positions."""
    from ptychograd.paper.far_field import FarFieldExperiment

    experiment = FarFieldExperiment(box=130, object_size=96)
    data = experiment.dataset()
    start = pg.far_field(data, probe=pg.models.aperture(experiment.aperture, 0.13), dtype=np.complex128)
    model = with_aberrations(start, 0.13)
    assert isinstance(model.probe, AberratedProbe)
    result = pg.reconstruct(model, data, pg.Nesterov(), epochs=5, batch_size=16, trainable=("object",))
    both = ("object", "probe.defocus")
    result = pg.reconstruct(result.model, data, pg.Nesterov(), epochs=40, batch_size=16, trainable=both)
    assert float(result.arrays["probe.defocus"]) == pytest.approx(0.15, rel=0.01)
