"""Starts from which no derivative leads away: made to differ, or told, so that everything that is refined can move."""

import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bragg_problems
import problems
import ptychograd as pg
from problems import FRAME, complex_array
from ptychograd.core.parameters import join, named_parameters, partition, split, trainable_names
from ptychograd.fitting.objective import Batch, Objective
from ptychograd.physics.probes.diverse import diverse_modes, varied

WAVE = problems.probe_wave()
DATA = problems.measurement(truth=None)
GEOMETRY = pg.Geometry(1e-10, 2.0, (50e-6, 75e-6))


def gradients(model, data, count=6):
    """Of the misfit of some patterns, by the name of the parameter."""
    names = trainable_names(model)
    parameters, rest = partition(model, names)
    objective = Objective(rest, pg.Amplitude())
    index = np.arange(count)
    patterns, mask = data.frames(index)
    group = pg.physics.Group(jnp.asarray(index))
    batch = Batch(group, jnp.asarray(patterns, jnp.float32), jnp.asarray(mask), jnp.ones(count))
    slope = eqx.filter_jit(lambda parameters: _dense(objective, parameters, batch))(split(parameters))
    return {name: np.asarray(join(leaf)) for name, leaf in named_parameters(slope).items()}


def _dense(objective, parameters, batch):
    """Without windows: the whole of every parameter."""

    def misfit(parameters):
        model = objective.model(parameters)
        expected = jnp.stack([model(index) for index in range(len(batch.weight))])
        return objective.value(expected, batch).loss

    return jax.grad(misfit)(parameters)


def unlike(waves, share=1e-6):
    """Whether none is a mixture of the others, by the smallest of the eigenvalues of their overlaps."""
    flat = np.asarray(waves, complex).reshape(len(waves), -1)
    flat = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    return np.linalg.eigvalsh(flat @ flat.conj().T)[0] > share


# Modes ----------------------------------------------------------------------------------------------------

OTHER = complex_array(*FRAME, seed=3)
BAD_MODES = {
    "an empty one": [WAVE, 0 * WAVE],
    "one of rounding": [WAVE, 1e-9 * OTHER],
    "equal ones": [WAVE, WAVE],
    "one times a number": [WAVE, -0.3j * WAVE],
    "a mixture": [WAVE, OTHER, WAVE - 0.2j * OTHER],
    "all empty but the last": [0 * WAVE, 0 * WAVE, WAVE],
}


@pytest.mark.variants
@pytest.mark.parametrize("single", [np.complex64, np.complex128])
@pytest.mark.parametrize("bad", BAD_MODES)
def test_modes_that_would_stay_empty_or_alike_are_replaced(bad, single):
    """With a warning, all the power, and a slope of its own for every mode."""
    given = np.array(BAD_MODES[bad], single)
    data = problems.measurement(truth=None, probe=given)
    with pytest.warns(UserWarning, match="empty or mixtures of the others"):
        model = pg.far_field(data, modes=4)
    modes = np.asarray(model.probe.modes)
    assert np.sum(np.abs(modes) ** 2) == pytest.approx(np.sum(np.abs(given) ** 2), rel=1e-5)
    assert unlike(modes)
    slopes = gradients(model, data)["probe.modes"]
    assert (np.abs(slopes).max(axis=(1, 2)) > 1e-3 * np.abs(slopes).max()).all()
    assert unlike(slopes)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_good_modes_are_kept_without_a_word(count):
    """Where fewer are asked for than are given and good, nothing is lost that was asked for."""
    given = np.array([0.1 * OTHER, WAVE, 0 * WAVE][: 2 if count > 2 else 3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        modes = diverse_modes(given, count)
    assert unlike(modes)
    np.testing.assert_allclose(modes[0] / modes[0, 5, 5], WAVE / WAVE[5, 5], rtol=1e-10)


@pytest.mark.parametrize("own", [(0, 1), (1, 0), (2, 0)])
def test_an_added_mode_is_none_of_those_that_are_given(own):
    """These are just what would be added to the first: products of it with coordinates."""
    y, x = np.mgrid[: FRAME[0], : FRAME[1]]
    other = WAVE * (y - 9.3) ** own[0] * (x - 7.8) ** own[1]
    assert unlike(diverse_modes(np.array([WAVE, 1e-3 * other]), 6), share=1e-9)


@pytest.mark.parametrize("pixels", [1, 2, 3])
def test_waves_of_a_few_pixels_make_as_many_modes_as_there_are_pixels(pixels):
    """Of the frame, not of the wave."""
    wave = np.zeros((3, 4), complex)
    wave[1, :pixels] = 1j
    for count in (2, 5, 12):
        assert unlike(diverse_modes(wave[None], count))
    with pytest.raises(pg.InputError, match="13 modes can't differ on 3 x 4 pixels"):
        diverse_modes(wave[None], 13)
    assert unlike(varied(wave, 3))


@pytest.mark.parametrize("scale", [1e-160, 1e-25, 1e20, 1e150])
def test_modes_and_variations_are_the_same_in_any_unit(scale):
    given = np.array([WAVE, OTHER])
    np.testing.assert_allclose(diverse_modes(scale * given, 4) / scale, diverse_modes(given, 4), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(varied(scale * WAVE, 3) / scale, varied(WAVE, 3), rtol=1e-9, atol=1e-12)


def test_a_probe_of_nothing_is_refused_by_all_that_make_waves_of_it():
    model = problems.start_model(DATA)
    dark = eqx.tree_at(lambda model: model.probe.modes, model, jnp.zeros_like(model.probe.modes))
    for piece in (pg.models.with_modes, pg.models.with_varying_probe):
        with pytest.raises(pg.InputError, match="0 everywhere"):
            piece(dark, 2)
    with pytest.raises(pg.InputError, match="0 everywhere"):
        pg.far_field(problems.measurement(truth=None, probe=0 * WAVE))


# Objects --------------------------------------------------------------------------------------------------


def object_with(rows, columns):
    """Transmission 0 in a part."""
    object = problems.object_wave()
    object[rows, columns] = 0
    return object


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "columns", "dark"),
    [(slice(None), slice(None), 56), (slice(0, 22), slice(0, 20), 1), (slice(0, 30), slice(None), 21)],
    ids=["all", "a corner", "an edge"],
)
def test_no_window_of_the_object_is_dark(rows, columns, dark):
    """What is not dark stays; every pattern has a derivative by the object and, by that, by the probe."""
    start = object_with(rows, columns)
    with pytest.warns(UserWarning, match=f"0 in the windows of {dark} of 56 patterns"):
        model = pg.far_field(DATA, object=start)
    made = np.asarray(model.object.transmission)
    np.testing.assert_allclose(made[start != 0], start[start != 0], rtol=1e-6)
    for index in range(0, DATA.count, 5):
        assert float(problems.pattern(model, index).sum()) > 100
    assert np.abs(gradients(model, DATA)["probe.modes"]).max() > 0


@pytest.mark.parametrize("scale", [1e-30, 1e-4, 1e5, 1e30])
def test_an_object_in_another_unit_is_brought_to_transmission(scale):
    with pytest.warns(UserWarning, match="it is scaled to 1"):
        made = np.asarray(pg.far_field(DATA, object=scale * problems.object_wave()).object.transmission)
    assert np.sqrt(np.mean(np.abs(made) ** 2)) == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(made / made[3, 4], problems.object_wave() / problems.object_wave()[3, 4], rtol=1e-5)


def test_holes_that_do_not_darken_a_window_stay_as_they_are():
    """As an opaque grain, or what a support leaves to the known surround."""
    holed = object_with(slice(10, 22), slice(11, 20))
    support = np.zeros(problems.OBJECT, bool)
    support[12:40, 11:37] = True
    data = problems.measurement(truth=None, support=support)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(pg.far_field(DATA, object=holed).object.transmission, holed, rtol=1e-6)
        made = pg.far_field(data, object=holed * support).object.transmission
        np.testing.assert_allclose(made, holed * support, rtol=1e-6)


def test_a_dark_crystal_begins_flat_and_any_unit_of_density_is_the_same():
    data = bragg_problems.measurement()
    with pytest.warns(UserWarning, match="density is 0 in all of the support"):
        dark = pg.bragg(data, object=np.zeros)
    flat = np.asarray(pg.bragg(data).object.density)
    np.testing.assert_allclose(dark.object.density, flat, rtol=1e-6)
    for scale in (1e-30, 1e25):
        begun = pg.bragg(data, object=np.full(bragg_problems.BOX, scale)).object.density
        np.testing.assert_allclose(begun, flat, rtol=1e-5)


# Everything that can be refined ---------------------------------------------------------------------------


def in_metres():
    step = GEOMETRY.sampling(FRAME)
    return pg.make_dataset(DATA.patterns, DATA.positions * step, geometry=GEOMETRY, probe=DATA.probe)


PIECES = {
    "modes": lambda model: pg.models.with_modes(model, 3),
    "object modes": lambda model: pg.models.with_object_modes(model, 3),
    "slices": lambda model: pg.models.with_slices(model, 3, 1e-3),
    "positions": lambda model: pg.models.with_refinable_positions(model, 3),
    "aberrations": lambda model: pg.models.with_aberrations(model, 1e-4, {5: 0.0, 7: 0.0}),
    "spectrum": lambda model: pg.models.with_spectrum(model, [1e-10, 1.02e-10], [1, 1e-50]),
    "intensity": pg.models.with_varying_intensity,
    "detector": lambda model: pg.models.with_flat_field(
        pg.models.with_point_spread(pg.models.with_background_image(model))
    ),
    "nothing known but magnitude": lambda model: pg.models.with_magnitude(model, pg.physics.UnitMagnitude()),
}


@pytest.mark.variants
@pytest.mark.parametrize("piece", PIECES)
def test_every_parameter_of_every_piece_has_a_slope_at_its_start(piece):
    """And those that stand for several things of a kind differ in it."""
    data = in_metres()
    model = PIECES[piece](pg.far_field(data))
    slopes = gradients(model, data)
    assert slopes
    for name, slope in slopes.items():
        assert np.isfinite(slope).all(), name
        assert np.abs(slope).max() > 0, name
        if slope.ndim == 3:
            assert unlike(slope), name


@pytest.mark.slow
def test_variations_wait_for_their_weights_alone():
    """Weights begin at 0, where they have a slope and variations none; as soon as they have moved, these have one."""
    model = pg.models.with_varying_probe(problems.start_model(DATA), 2)
    assert (np.abs(gradients(model, DATA)["probe.weights"][:6]).max(axis=0) > 0).all()
    moved = eqx.tree_at(
        lambda model: model.probe.weights,
        model,
        replace_fn=lambda w: w + jnp.arange(w.size, dtype=w.dtype).reshape(w.shape) ** 2,
    )
    assert unlike(gradients(moved, DATA)["probe.variations"])


# Models of any making -------------------------------------------------------------------------------------


def replaced(where, value, model=None):
    return eqx.tree_at(where, model or pg.far_field(DATA, modes=2), replace_fn=value)


STUCK = {
    "empty mode": (lambda: replaced(lambda m: m.probe.modes, lambda a: a.at[1].set(0)), ("probe",), "1 of 2 modes"),
    "equal modes": (lambda: replaced(lambda m: m.probe.modes, lambda a: a[:1] + 0 * a), ("probe",), "1 of 2 modes"),
    "dark object": (lambda: replaced(lambda m: m.object.transmission, jnp.zeros_like), ("object",), "flat_object"),
    "equal states": (
        lambda: replaced(
            lambda m: m.object.transmission, lambda a: a[:1] + 0 * a, pg.models.with_object_modes(pg.far_field(DATA), 3)
        ),
        ("object",),
        "2 of 3 states",
    ),
    "weights held at 0": (
        lambda: pg.models.with_varying_probe(pg.far_field(DATA), 2),
        ("probe.modes", "probe.variations"),
        "refine probe.weights too",
    ),
    "no point spread": (
        lambda: pg.models.with_point_spread(pg.far_field(DATA), 0.0),
        ("object", "detector.point_spread.width"),
        "detector.point_spread.width is 0",
    ),
    "dead detector": (
        lambda: replaced(
            lambda m: m.detector.flat_field, jnp.zeros_like, pg.models.with_flat_field(pg.far_field(DATA))
        ),
        ("object", "detector.flat_field"),
        "nothing is counted",
    ),
}


class Interrupted(pg.noise.AbstractNoise):
    """Noise with which a run ends in its first epoch, as by an interrupt: nothing of it is compiled."""

    curvature = 1.0

    def nll(self, expected, measured):
        if len(expected) != 2:  # what a misfit gives is looked at with two patterns, before the run
            raise KeyboardInterrupt
        return (expected - measured) ** 2


@pytest.mark.parametrize("case", STUCK)
def test_what_can_not_move_is_told(case):
    """Of a model that no recipe made, or whose parameters are held."""
    make, names, text = STUCK[case]
    steps = dict.fromkeys(names, 1e-9)
    with pytest.warns(UserWarning, match=f"can't move from where it starts: .*{text}"):
        result = pg.reconstruct(
            make(), DATA, pg.adam(steps), epochs=1, batch_size=8, trainable=names, noise=Interrupted()
        )
    assert result.stopped == "interrupted"


def test_what_is_held_or_only_looked_at_is_not_told():
    """A truth has any modes, and an R-factor moves nothing."""
    model = STUCK["equal modes"][0]()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shared = {"epochs": 1, "batch_size": 8, "noise": Interrupted()}
        pg.reconstruct(model, DATA, pg.solvers.EvaluateOnly(), **shared)
        pg.reconstruct(model, DATA, pg.Nesterov(), trainable="object", **shared)
        pg.reconstruct(model, DATA, pg.Nesterov(), epochs=0, batch_size=8)
