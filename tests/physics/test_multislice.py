"""Objects that are thick, mixed, or known in part: against plain NumPy, and as solvers see them."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.core.parameters import partition
from ptychograd.fitting.objective import Batch, Objective
from ptychograd.fitting.solvers.derivatives import Automatic, batch_sums
from ptychograd.physics.objects import AnyMagnitude, BoundedMagnitude, SupportedObject, UnitMagnitude

SAMPLING, WAVELENGTH, DISTANCE = (0.4e-6, 0.5e-6), 1.4e-10, 8e-3
CORNER = (3, 6)
pytestmark = pytest.mark.usefixtures("double")


def a_model(dtype=np.complex128, **options):
    model = problems.start_model(problems.measurement(), dtype=dtype, **options)
    return dataclasses.replace(model, sampling=SAMPLING, wavelength=WAVELENGTH)


def sliced(count=3, seed=1, model=None):
    model = pg.models.with_slices(model or a_model(), count, DISTANCE)
    slices = 1 + 0.3 * problems.complex_array(count, *problems.OBJECT, seed=seed)
    return eqx.tree_at(lambda m: m.object.transmission, model, jnp.asarray(slices))


def through_slices(slices, wave, distance):
    """Plain NumPy: the exact phase 2πz√(1/λ² - f²) from one slice to the next, but for that of a plane wave."""
    f_y, f_x = (np.fft.fftfreq(n, d) for n, d in zip(wave.shape[-2:], SAMPLING, strict=True))
    along = 2 * np.pi * distance * (np.sqrt(1 / WAVELENGTH**2 - f_y[:, None] ** 2 - f_x**2) - 1 / WAVELENGTH)
    for part in slices[:-1]:
        wave = np.fft.ifft2(np.fft.fft2(wave * part) * np.exp(1j * along))
    return wave * slices[-1]


def under_the_window(array):
    return array[..., CORNER[0] : CORNER[0] + problems.FRAME[0], CORNER[1] : CORNER[1] + problems.FRAME[1]]


@pytest.mark.variants
@pytest.mark.parametrize("count", [1, 2, 5])
def test_slices_do_what_plain_numpy_does(count):
    object = sliced(count).object
    wave = problems.complex_array(2, *problems.FRAME, seed=3)
    found = object(jnp.asarray(wave), jnp.array(CORNER))
    expected = through_slices(under_the_window(np.asarray(object.transmission)), wave, DISTANCE)
    np.testing.assert_allclose(found, expected, atol=1e-6)  # of the difference of two numbers of 1e11


def test_slices_without_a_distance_are_their_product():
    object = eqx.tree_at(lambda t: t.distance, sliced(3).object, jnp.asarray(0.0))
    wave = problems.complex_array(1, *problems.FRAME, seed=3)
    product = np.prod(under_the_window(np.asarray(object.transmission)), axis=0)
    np.testing.assert_allclose(object(jnp.asarray(wave), jnp.array(CORNER)), wave * product, atol=1e-12)


def test_the_start_is_divided_among_the_slices():
    model = a_model()
    object = pg.models.with_slices(model, 3, DISTANCE).object
    np.testing.assert_allclose(np.prod(object.transmission, axis=0), model.object.transmission, atol=1e-12)
    np.testing.assert_allclose(object.transmission[0], object.transmission[2])


def test_the_derivative_by_the_distance_is_that_of_finite_differences():
    model = sliced(3)

    @jax.jit
    def photons(distance):
        moved = eqx.tree_at(lambda m: m.object.distance, model, distance)
        return jnp.sum(jnp.sin(moved(jnp.array(4)) / 50))

    slope = jax.jit(jax.grad(photons))(jnp.asarray(DISTANCE))
    step = 1e-7
    numeric = (photons(DISTANCE + step) - photons(DISTANCE - step)) / (2 * step)
    np.testing.assert_allclose(slope, numeric, rtol=1e-4)


def diagonals(model, *names):
    parameters, rest = partition(model, names)
    index = jnp.array([1, 4, 5])
    batch = Batch(pg.physics.Group(index), jnp.ones((3, *problems.FRAME)), jnp.ones(problems.FRAME, bool), jnp.ones(3))
    objective = Objective(rest, pg.Amplitude())
    return eqx.filter_jit(batch_sums)(Automatic(), objective, Automatic().variables(parameters), batch).diagonals


@pytest.mark.slow
def test_the_diagonal_of_every_slice_is_the_light_that_falls_on_it():
    """Of all slices at once J^H J 1 would mix them; a slice behind others must not be taken for a dark one."""
    model = sliced(3)
    found = diagonals(model, "object.transmission", "probe.modes")
    illuminated, under = np.zeros((3, *problems.OBJECT)), np.zeros((1, *problems.FRAME))
    for index in (1, 4, 5):
        y, x = model.scan.corner[index]
        patches = np.asarray(model.object.transmission)[:, y : y + 20, x : x + 18]
        wave = np.asarray(model.probe.modes[0])
        for number in range(3):
            one = np.ones(problems.FRAME)
            incident = through_slices([*patches[:number], one], wave, DISTANCE) if number else wave
            illuminated[number, y : y + 20, x : x + 18] += np.abs(incident) ** 2
        under += np.abs(np.prod(patches, axis=0)) ** 2
    curvature = pg.Amplitude().curvature
    np.testing.assert_allclose(found["object.transmission"], curvature * illuminated, atol=1e-6 * illuminated.max())
    np.testing.assert_allclose(found["probe.modes"], curvature * under, rtol=1e-9)


@pytest.mark.slow
def test_regauged_slices_are_equally_bright_and_make_the_same_patterns():
    model = sliced(3)
    factors = jnp.array([2, 0.7, 1.1], complex)[:, None, None]
    uneven = eqx.tree_at(lambda m: m.object.transmission, model, replace_fn=lambda t: t * factors)
    even = eqx.tree_at(lambda m: m.object.transmission, uneven, uneven.gauge_fixed()[0]["object.transmission"])
    powers = jnp.mean(jnp.abs(even.object.transmission) ** 2, axis=(1, 2))
    np.testing.assert_allclose(powers, powers[0])
    np.testing.assert_allclose(even(jnp.array(2)), uneven(jnp.array(2)), rtol=1e-9)


def test_the_scale_between_slices_and_probe_is_held():
    """With two slices the object's scale counts twice: patterns stay while the probe keeps its power."""
    model = sliced(2)
    free = model.free_scale
    assert free.power == 2
    scaled = eqx.tree_at(
        lambda m: (m.object.transmission, m.probe.modes),
        model,
        (3 * model.object.transmission, model.probe.modes / 3**free.power),
    )
    np.testing.assert_allclose(scaled(jnp.array(2)), model(jnp.array(2)), rtol=1e-9)


def a_thick_measurement():
    """Patterns of two slices of phase by plain NumPy, with Poisson noise; and the slices."""
    y, x = np.mgrid[: problems.OBJECT[0], : problems.OBJECT[1]]
    phases = 0.8 * np.sin(y / 2.1) * np.cos(x / 2.6), 0.7 * np.cos((y + x) / 2.4) + 0.3 * np.sin(x / 1.9)
    slices = np.exp(1j * np.stack(phases))
    probe, corners = problems.probe_wave(1e6), problems.positions(3)
    rng, patterns = np.random.default_rng(0), []
    for row, column in corners.astype(int):
        seen = slices[:, row : row + problems.FRAME[0], column : column + problems.FRAME[1]]
        wave = through_slices(seen, probe, DISTANCE)
        patterns.append(rng.poisson(np.abs(np.fft.fftshift(np.fft.fft2(wave))) ** 2 / wave.size))
    data = pg.make_dataset(np.array(patterns, np.uint32), corners, probe=probe[None])
    return slices, data, dataclasses.replace(pg.far_field(data), sampling=SAMPLING, wavelength=WAVELENGTH)


@pytest.mark.slow
def test_two_slices_explain_what_one_can_not():
    _, data, flat = a_thick_measurement()
    thin, thick = (
        pg.reconstruct(model, data, pg.Nesterov(), epochs=25, batch_size=16, trainable=("object.transmission",))
        for model in (flat, pg.models.with_slices(flat, 2, DISTANCE))
    )
    assert thick.history.r_factor[-1] < 0.65 * thin.history.r_factor[-1]


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [0.8, 1.2])
def test_the_distance_between_known_slices_is_found(wrong):
    """Together with unknown slices it takes a larger window: `python -m benchmarks.effects slices`."""
    slices, data, flat = a_thick_measurement()
    model = pg.models.with_slices(flat, 2, wrong * DISTANCE)
    model = eqx.tree_at(lambda m: m.object.transmission, model, jnp.asarray(slices, np.complex64))
    result = pg.reconstruct(model, data, pg.Nesterov(), epochs=6, batch_size=8, trainable=("object.distance",))
    assert float(result.arrays["object.distance"]) == pytest.approx(DISTANCE, rel=0.01)


def test_states_add_up_with_every_mode():
    model = pg.models.with_object_modes(a_model(modes=2), 3)
    index = jnp.array(5)
    corner = model.scan.corner[5]
    expected = 0
    for state in model.object.transmission:
        for mode in model.probe.modes:
            patch = state[corner[0] : corner[0] + problems.FRAME[0], corner[1] : corner[1] + problems.FRAME[1]]
            expected += np.abs(np.fft.fftshift(np.fft.fft2(mode * patch))) ** 2 / patch.size
    np.testing.assert_allclose(model(index), expected, rtol=1e-9)
    shares = np.sum(np.abs(model.object.transmission) ** 2, axis=0)
    np.testing.assert_allclose(shares, np.abs(a_model().object.transmission) ** 2)


@pytest.mark.slow
def test_outside_of_a_support_slices_are_clear_and_one_state_is():
    support = np.zeros(problems.OBJECT, bool)
    support[5:20, 8:15] = True
    wave = jnp.asarray(problems.complex_array(1, *problems.FRAME))
    frame = jnp.ones(problems.FRAME)
    thick = pg.models.with_support(pg.models.with_slices(a_model(), 2, DISTANCE), support).object
    outside = ~under_the_window(support)
    np.testing.assert_array_equal(np.asarray(thick.patches(jnp.array(CORNER), problems.FRAME))[:, outside], 1)
    mixed = pg.models.with_support(pg.models.with_object_modes(a_model(), 2), support).object
    waves = mixed(frame[None].astype(complex), jnp.array(CORNER))
    np.testing.assert_array_equal(np.asarray(waves)[0][outside], 1)
    np.testing.assert_array_equal(np.asarray(waves)[1][outside], 0)
    thin = pg.models.with_support(pg.models.with_magnitude(a_model(), UnitMagnitude()), support).object
    assert isinstance(thin, SupportedObject)
    assert isinstance(thin.magnitude, UnitMagnitude)
    np.testing.assert_array_equal(thin(wave, jnp.array(CORNER))[0][outside], wave[0][outside])


def test_a_magnitude_that_is_known_is_kept_and_the_phase_with_it():
    transmission = jnp.asarray(problems.complex_array(4, 5))
    np.testing.assert_allclose(np.abs(UnitMagnitude()(transmission)), 1)
    bounded = BoundedMagnitude(0.8)(transmission)
    np.testing.assert_allclose(np.abs(bounded), np.minimum(np.abs(transmission), 0.8))
    for made in (UnitMagnitude()(transmission), bounded):
        np.testing.assert_allclose(np.angle(made), np.angle(transmission))
    assert AnyMagnitude()(transmission) is transmission
    assert complex(UnitMagnitude()(jnp.zeros((1, 1), complex))[0, 0]) == 1


@pytest.mark.slow
def test_a_flat_start_of_a_phase_object_can_move():
    """J^H J 1 of t/|t| is 0 where t is real: step sizes have to come from the light alone."""
    model = pg.models.with_magnitude(a_model(object=pg.models.flat_object), UnitMagnitude())
    found = diagonals(model, "object.transmission")["object.transmission"]
    plain = diagonals(a_model(object=pg.models.flat_object), "object.transmission")["object.transmission"]
    np.testing.assert_allclose(found, plain)


@pytest.mark.slow
@pytest.mark.parametrize("magnitude", [UnitMagnitude(), BoundedMagnitude(1.0)])
def test_knowing_the_magnitude_helps_where_photons_are_few(magnitude):
    phase = np.angle(problems.object_wave())
    object, probe, rng, patterns = np.exp(1j * phase), problems.probe_wave(300), np.random.default_rng(1), []
    for row, column in problems.positions().astype(int):
        wave = probe * object[row : row + problems.FRAME[0], column : column + problems.FRAME[1]]
        patterns.append(rng.poisson(np.abs(np.fft.fftshift(np.fft.fft2(wave))) ** 2 / wave.size))
    data = pg.make_dataset(np.array(patterns, np.uint16), problems.positions(), probe=probe[None])
    start = pg.far_field(data)
    errors, middle = [], (slice(8, -8), slice(8, -8))
    for model in (start, pg.models.with_magnitude(start, magnitude)):
        result = pg.reconstruct(model, data, pg.Nesterov(), epochs=40, batch_size=16, trainable=("object",))
        errors.append(pg.metrics.nrmse(object[middle], result.object[middle]))
    assert np.abs(result.object).max() < 1 + 1e-6
    assert errors[1] < 0.9 * errors[0]


def test_closed_form_pie_refuses_what_it_was_not_written_for():
    data = problems.measurement()
    for model, text in (
        (
            pg.models.with_magnitude(pg.far_field(data), UnitMagnitude()),
            "transmissions of any magnitude, not for UnitMagn",
        ),
        (pg.models.with_object_modes(pg.far_field(data), 2), "thin objects, not for MixedObject"),
        (pg.models.with_varying_intensity(pg.far_field(data)), "the same probe in all patterns, not for VaryingProbe"),
    ):
        with pytest.raises(pg.InputError, match=text):
            pg.reconstruct(model, data, pg.PIE(), epochs=1)


def test_pieces_that_do_not_go_together_say_so():
    model = a_model()
    with pytest.raises(pg.InputError, match="can't be combined with MultisliceObject"):
        pg.models.with_object_modes(pg.models.with_slices(model, 2, DISTANCE), 2)
    with pytest.raises(pg.InputError, match="it is for thin objects and slices"):
        pg.models.with_magnitude(pg.models.with_object_modes(model, 2), UnitMagnitude())
    with pytest.raises(pg.InputError, match=r"expected a distance above zero in metres"):
        pg.models.with_slices(model, 2, 0.0)
    with pytest.raises(pg.InputError, match="aliases"):
        pg.models.with_slices(model, 2, 10.0)
    with pytest.raises(pg.InputError, match="expected the same"):
        pg.models.with_support(model, np.ones((3, 4), bool))
    with pytest.raises(pg.InputError, match="expected a number above zero"):
        BoundedMagnitude(0.0)
