"""Starts that a person gives: as arrays of any kind, in any unit, or as something that is no start."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest

import bragg_problems
import near_problems
import problems
import ptychograd as pg
from problems import FRAME, OBJECT, complex_array
from ptychograd.automatic.orientation.trials import middle_of_scan
from ptychograd.core.illumination import brightness, illuminated_pixels, of_photons
from ptychograd.data.description import probe_diameter
from ptychograd.fitting.reconstruction import Task, prepared

WAVE = problems.probe_wave()
FAR, NEAR, CRYSTAL = (module.measurement() for module in (problems, near_problems, bragg_problems))
RECIPES = {"far": (pg.far_field, FAR), "near": (pg.near_field, NEAR), "crystal": (pg.bragg, CRYSTAL)}
RANGE = (1e-40, 1e-25, 1e-12, 1e12, 1e20, 1e36)  # of single precision


@pytest.fixture(params=RECIPES)
def recipe(request):
    return RECIPES[request.param]


def photons(modes):
    return np.sum(np.abs(np.asarray(modes, complex)) ** 2)


def shape(waves):
    """The wave but for its power and phase."""
    waves = np.asarray(waves, complex)
    waves = waves / np.abs(waves).max()
    return waves / np.linalg.norm(waves)


# Probes ---------------------------------------------------------------------------------------------------


@pytest.mark.variants
@pytest.mark.parametrize(
    "kind", [np.asarray, jnp.asarray, list, lambda wave: wave[None]], ids=["numpy", "jax", "list", "modes"]
)
def test_a_probe_is_an_array_of_any_kind(recipe, kind):
    """With the photons of the brightest pattern, as one that a function makes."""
    make, data = recipe
    wave = complex_array(*data.frame_shape).astype(np.complex64)
    modes = make(data, probe=kind(wave)).probe.modes
    assert photons(modes) == pytest.approx(data.photons.max(), rel=1e-5)
    np.testing.assert_allclose(shape(modes[0]), shape(wave), atol=1e-5)
    made = make(data, probe=lambda data, sampling: wave).probe.modes
    np.testing.assert_array_equal(made, modes)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.float16, np.float32])
def test_a_real_probe_has_no_phase(dtype):
    """As a mask of an aperture, or a modulus."""
    illuminated = np.zeros(FRAME, dtype)
    illuminated[5:12, 3:11] = 1
    modes = np.asarray(pg.far_field(FAR, probe=illuminated).probe.modes)
    assert modes.dtype == np.complex64
    np.testing.assert_allclose(shape(modes[0]), shape(illuminated), atol=1e-6)


def test_all_modes_that_are_given_are_taken_or_as_many_as_asked_for():
    given = np.array([1.0, 3.0, 2.0])[:, None, None] * complex_array(3, *FRAME)
    for count, expected in ((None, given[[1, 2, 0]]), (2, given[[1, 2]])):
        modes = np.asarray(pg.far_field(FAR, probe=given, modes=count).probe.modes)
        np.testing.assert_allclose(shape(modes), shape(expected), atol=1e-6)
    assert pg.far_field(FAR, probe=given, modes=5).probe.modes.shape == (5, *FRAME)


@pytest.mark.parametrize(
    ("probe", "text"),
    [
        (WAVE[:, :-1], r"has \(20, 17\) pixels, the patterns have \(20, 18\)"),
        (WAVE.T, r"has \(18, 20\) pixels"),
        (WAVE[None, None], r"has shape \(1, 1, 20, 18\); expected \(y, x\) or \(modes, y, x\)"),
        (WAVE[0], r"has shape \(18,\)"),
        (np.zeros((0, *FRAME)), "has shape"),
        (np.where(np.arange(18) == 3, np.nan, WAVE), "holds NaN or infinity in 20 places"),
        (np.where(np.arange(18) == 3, np.inf, WAVE), "holds NaN or infinity in 20 places"),
        (0 * WAVE, "is 0 everywhere; give another, or none"),
        ("pinhole", "is str; expected numbers"),
        ([[1.0, 2.0], [3.0]], "is list; expected numbers"),
        (np.array([["a"]]), "is ndarray; expected numbers"),
        (
            pg.physics.Probe(jnp.asarray(WAVE[None])),
            "is a part of a model, and no start; give its array, model.probe.modes",
        ),
    ],
)
def test_what_is_no_probe_is_refused_in_a_sentence(probe, text):
    """Given, or made by a function."""
    for given in (probe, lambda data, sampling: probe):
        with pytest.raises(pg.InputError, match=text):
            pg.far_field(FAR, probe=given)
        if isinstance(probe, pg.physics.Probe):
            break


@pytest.mark.parametrize("scale", RANGE)
def test_a_probe_may_have_any_unit(recipe, scale):
    """Single precision holds its numbers and not their squares."""
    make, data = recipe
    wave = (scale * complex_array(*data.frame_shape) / 5).astype(np.complex64)
    modes = make(data, probe=wave).probe.modes
    assert photons(modes) == pytest.approx(data.photons.max(), rel=1e-5)
    np.testing.assert_allclose(shape(modes[0]), shape(wave), atol=1e-5)


@pytest.mark.parametrize("scale", RANGE)
def test_a_datasets_own_probe_in_an_impossible_unit_is_scaled_and_it_is_said(scale):
    own = (scale * WAVE / np.abs(WAVE).max()).astype(np.complex64)
    with pytest.warns(UserWarning, match="times the photons of the brightest pattern, from which no run finds back"):
        modes = pg.far_field(problems.measurement(probe=own)).probe.modes
    assert photons(modes) == pytest.approx(FAR.photons.max(), rel=1e-5)


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_a_datasets_own_probe_keeps_photons_that_can_be_right(scale):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        modes = pg.far_field(problems.measurement(probe=scale * WAVE)).probe.modes
    assert photons(modes) == pytest.approx(photons(scale * WAVE), rel=1e-5)


# Objects --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray, list], ids=["numpy", "jax", "list"])
def test_an_object_is_an_array_of_any_kind(recipe, kind):
    make, data = recipe
    name = "density" if data is CRYSTAL else "transmission"
    start = 0.5 + 0.1 * complex_array(*getattr(make(data).object, name).shape)
    found = getattr(make(data, object=kind(start.astype(np.complex64))).object, name)
    np.testing.assert_allclose(shape(found), shape(start), atol=1e-5)


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (np.ones(OBJECT[::-1]), r"has shape \(47, 53\); expected \(53, 47\)"),
        (np.ones((1, *OBJECT)), r"has shape \(1, 53, 47\)"),
        (np.full(OBJECT, np.nan), "start object holds NaN or infinity in 2,491 places"),
        ("flat", "start object is str"),
        (pg.physics.ThinObject(jnp.ones(OBJECT, jnp.complex64)), "give its array, model.object.transmission"),
    ],
)
def test_what_is_no_object_is_refused_in_a_sentence(start, text):
    with pytest.raises(pg.InputError, match=text):
        pg.far_field(FAR, object=start)
    if not isinstance(start, pg.physics.ThinObject):
        with pytest.raises(pg.InputError, match=text):
            pg.far_field(FAR, object=lambda shape: start)


# Sums of squares ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", RANGE)
def test_every_sum_of_squares_of_a_probe_holds_in_any_unit(scale, tmp_path):
    """Readers, checks, trials and figures of merit, on the same wave in another unit."""
    wave = (scale * WAVE[None] / np.abs(WAVE).max()).astype(np.complex64)
    data = problems.measurement(probe=wave)
    np.savez(tmp_path / "scan.npz", patterns=data.patterns, positions_px=data.positions, probe=wave)
    scaled = pg.read(tmp_path / "scan.npz").probe
    assert scaled is not None
    assert scaled.dtype == np.complex64
    for probe in (scaled, middle_of_scan(data, 20).probe, of_photons(wave, data.photons.max())):
        np.testing.assert_allclose(shape(probe), shape(WAVE[None]), atol=1e-5)
    assert photons(scaled) == pytest.approx(data.photons.max(), rel=1e-5)
    assert probe_diameter(wave) == pytest.approx(probe_diameter(WAVE[None]), rel=1e-5)
    assert brightness(wave).sum() == pytest.approx(photons(wave), rel=1e-5)
    corners = np.array([[0, 0], [9, 4]])
    np.testing.assert_array_equal(
        illuminated_pixels((30, 30), corners, wave), illuminated_pixels((30, 30), corners, WAVE[None])
    )
    findings = {finding.name: finding for finding in pg.diagnose(data)}
    assert findings["probe power"].verdict == "doubtful"
    assert np.isfinite(list(findings["probe fill"].figures.values())).all()


@pytest.mark.variants
@pytest.mark.parametrize("scale", [1e-200, *RANGE[1:], 1e200])
def test_errors_and_modes_do_not_ask_for_the_unit(scale):
    truth, found = problems.object_wave(), problems.object_wave() + 0.1 * complex_array(*OBJECT)
    dtype = np.complex64 if 1e-30 < scale < 1e30 else np.complex128
    other = (scale * found).astype(dtype)
    plain, scaled = (pg.metrics.compare_arrays(truth, one) for one in (found, other))
    assert pg.nrmse(truth, other) == pytest.approx(pg.nrmse(truth, found), rel=1e-3)
    assert scaled.nrmse_ramp_removed == pytest.approx(plain.nrmse_ramp_removed, rel=1e-3)
    everywhere = np.ones(OBJECT, bool)
    within = [pg.metrics.nrmse_within(truth, one, everywhere) for one in (found, other)]
    assert within[1] == pytest.approx(within[0], rel=1e-3)


def test_orthogonal_modes_are_the_same_in_any_unit():
    modes = complex_array(3, *FRAME)
    expected, powers = pg.physics.orthogonal_modes(modes)
    for scale in (1e-25, 1e20, 1e150):
        found, more = pg.physics.orthogonal_modes(scale * modes)
        np.testing.assert_allclose(np.abs(found) / scale, np.abs(expected), rtol=1e-6)
        np.testing.assert_allclose(more / scale**2, powers)


# Patterns -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_patterns_in_another_unit_come_out_alike(scale):
    """Amplitudes know no unit."""
    data = pg.make_dataset(scale * FAR.patterns, FAR.positions)
    plain = pg.make_dataset(FAR.patterns.astype(float), FAR.positions)
    found = [pg.reconstruct(pg.far_field(d), d, pg.Nesterov(), epochs=3, batch_size=16) for d in (data, plain)]
    assert found[0].history.r_factor[-1] == pytest.approx(found[1].history.r_factor[-1], rel=1e-2)
    np.testing.assert_allclose(found[0].object, found[1].object, atol=2e-2)


@pytest.mark.parametrize("scale", [1e-42, 1e36, 1e200])
def test_patterns_beyond_single_precision_are_refused_before_the_first_epoch(scale):
    data = pg.make_dataset(scale * FAR.patterns, FAR.positions)
    with pytest.raises(pg.InputError, match="which single precision can't work with; multiply the patterns by"):
        pg.reconstruct(pg.far_field(data), data, pg.Nesterov(), epochs=1, batch_size=16)


# Numbers of a run -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"epochs": -1}, "-1 epochs; expected none or more"),
        ({"batch_size": 0}, "give 1 to 56"),
        ({"batch_size": -3}, "give 1 to 56"),
        ({"batch_size": 57}, "give 1 to 56"),
        ({"planned": -1}, "-1 epochs planned"),
        ({"seed": -1}, "expected a whole number from 0"),
        ({"trainable": ()}, "Nothing to refine"),
        ({"trainable": "lens"}, 'Unknown parameter "lens"'),
    ],
)
def test_numbers_that_make_no_run_are_refused(arguments, text):
    with pytest.raises(pg.InputError, match=text):
        pg.reconstruct(pg.far_field(FAR), FAR, pg.Nesterov(), **({"epochs": 1, "batch_size": 16} | arguments))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"epochs": 2.5}, r"epochs=2\.5; expected a whole number"),
        ({"batch_size": 2.5}, r"batch_size=2\.5"),
        ({"seed": 1.5}, r"seed=1\.5"),
        ({"solver": pg.Nesterov}, r"Nesterov is no solver, but a class; .* as pg\.Nesterov\(\)"),
        ({"noise": pg.Poisson}, "Poisson is no noise"),
        ({"model": None}, r"`result\.onto\(model\)` puts its arrays"),
        ({"model": pg.far_field}, "function is no model"),
    ],
)
def test_what_is_of_another_kind_is_refused_in_a_sentence(arguments, text):
    """Also without the types' being watched, as the tests do."""
    task = Task(pg.far_field(FAR), FAR, pg.Nesterov(), 1, 16, ("object",), pg.Amplitude())
    with pytest.raises(pg.InputError, match=text):
        prepared(task._replace(**arguments))


def test_one_thing_in_the_place_of_several_or_of_a_function():
    model = pg.far_field(FAR)
    for support in (np.ones(OBJECT, int).tolist(), jnp.ones(OBJECT, bool)):
        assert pg.models.with_support(model, support).object.support.dtype == bool
    one_stage = pg.Run(model, FAR, pg.Nesterov(), pg.Stage(1), 16)
    for ask, text in (
        (lambda: pg.perform(one_stage), r"stages=\(Stage\(60\),\)"),
        (lambda: pg.perform(one_stage._replace(stages=(pg.Stage(1, "object"),))), "expected a tuple"),
    ):
        with pytest.raises(pg.InputError, match=text):
            ask()
