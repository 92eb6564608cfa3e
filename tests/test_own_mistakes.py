"""Mistakes in parts of one's own are told in one sentence, before anything is compiled for long."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import problems
import ptychograd as pg
from own_models import MODELS, Hologram, hologram_start, holograms
from ptychograd.output.plot.residuals import figure_of_residuals
from ptychograd.physics.first_pattern import check_first_pattern, doubts_of_first_pattern


@pytest.fixture(scope="module")
def data():
    return holograms()


@pytest.fixture(scope="module")
def start():
    return hologram_start()


@pytest.fixture(scope="module")
def scan():
    data = problems.measurement()
    return data, problems.start_model(data)


def fitted(model, data, solver=None, **asked):
    return pg.reconstruct(model, data, solver or pg.adam(1.0), epochs=1, batch_size=4, **asked)


def with_methods(start, **methods):
    return type("Mine", (Hologram,), methods)(start.wave, start.kernels)


# ---- the energy of a `detect`


class Waves(pg.AbstractExitWaveModel):
    """An object under a beam, and a detector on a background, which sees all of the wave or a part of it."""

    object: jax.Array
    probe: jax.Array
    factor: float = 1.0
    seen: int = 20
    background: float = 0.0

    def __call__(self, index):
        return self.detect(self.exit_wave(index), index)

    def exit_wave(self, index):
        return (self.object * self.probe)[None]

    def detect(self, exit_wave, index):
        wave = jnp.fft.fft2(exit_wave, norm="ortho")[0].at[self.seen :].set(0)
        return self.factor * jnp.abs(wave) ** 2 + self.background


def waves(**numbers):
    y, x = np.mgrid[:20, :18]
    probe = 30 * np.exp(-((y - 10) ** 2 + (x - 8) ** 2) / 30 + 0.02j * x**2)
    return Waves(jnp.ones((20, 18), jnp.complex64), jnp.asarray(probe, jnp.complex64), **numbers)


@pytest.mark.parametrize("more", [{}, {"background": 1e4}, {"seen": 11}, {"seen": 11, "background": 3.0}])
def test_a_detect_of_ones_own_is_as_large_as_its_propagation(more):
    """A transform that is not normalised multiplies photons by its pixels, whatever else a detector does."""
    with pytest.raises(pg.InputError, match=r"`detect` of Waves makes waves 18.97 times as large, .* 360 times too lo"):
        check_first_pattern(waves(factor=360.0, **more))
    (doubt,) = doubts_of_first_pattern(waves(factor=0.0625, **more))
    assert "`detect` of Waves makes waves 0.25 times as large at most, so that steps are 16 times shorter" in doubt
    check_first_pattern(waves(**more))
    assert doubts_of_first_pattern(waves(**more)) == []


def test_a_fit_refuses_a_detect_that_makes_waves_larger():
    model = waves(factor=360.0)
    data = pg.make_dataset(np.stack([np.asarray(waves()(0)).round()] * 4).astype(np.uint16))
    with pytest.raises(pg.InputError, match=r"`detect` of Waves makes waves 18.97 times as large"):
        fitted(model, data, pg.Nesterov())


WRONG_WAVES = {
    "no wave": ({"exit_wave": lambda self, index: None}, r"exit_wave gives NoneType; .*: does it lack a return\?"),
    "photons": (
        {"exit_wave": lambda self, index: jnp.abs(Waves.exit_wave(self, index))},
        r"Mine.exit_wave gives float32\[1, 20, 18\]; expected complex waves",
    ),
    "another call": (
        {"__call__": lambda self, index: 3 * Waves.__call__(self, index)},
        "Mine expects another pattern 0 than its `detect` makes of its `exit_wave`",
    ),
}


@pytest.mark.parametrize("wrong", WRONG_WAVES)
def test_wrong_waves_are_refused(wrong):
    methods, text = WRONG_WAVES[wrong]
    model = waves()
    data = pg.make_dataset(np.ones((4, 20, 18), np.uint16))
    with pytest.raises(pg.InputError, match=text):
        fitted(type("Mine", (Waves,), methods)(model.object, model.probe), data, pg.Nesterov())


# ---- methods that can't be called, and code that can't be compiled

MISTAKEN = {
    "no index": ({"__call__": lambda self: 1}, r"Mine.__call__ takes \(self\); expected `def __call__\(self, index\)`"),
    "two indices": ({"__call__": lambda self, i, j: 1}, r"Mine.__call__ takes \(self, i, j\); expected"),
    "roles of a pattern": ({"roles": lambda self, i: 1}, r"Mine.roles takes \(self, i\); expected `def roles\(self\)`"),
    "an if": ({"__call__": lambda self, i: 1 if i < 3 else 2}, "in <lambda>, wants the value of an array, .* `if`"),
    "NumPy": ({"__call__": lambda self, i: np.abs(self.wave)}, "^Line .* of test_own_mistakes.py, .* write jnp for np"),
    "int()": ({"__call__": lambda self, i: self.kernels[int(i)]}, r"wants the value of an array, .* no int\(\)"),
    "shapes": ({"__call__": lambda self, i: self.wave + self.wave[1:]}, "ends with an error, TypeError: add got incom"),
    "a name": ({"roles": lambda self: pg.Roles(pg.Image(self.none))}, "ends with an error, AttributeError: .* 'none'"),
}


@pytest.mark.parametrize("wrong", MISTAKEN)
def test_mistakes_in_a_model_are_told_with_their_line(start, data, wrong):
    methods, text = MISTAKEN[wrong]
    with pytest.raises(pg.InputError, match=text):
        fitted(with_methods(start, **methods), data)


OTHER_ARGUMENTS = {
    "noise": (pg.noise.AbstractNoise, "nll", "def nll(self, expected, measured)"),
    "sampler": (pg.fitting.AbstractSampler, "order", "def order(self, numbers, draw)"),
    "schedule": (pg.fitting.AbstractSchedule, "cooling", "def cooling(self, done, last)"),
    "solver": (pg.solvers.AbstractSolver, "step", "def step(self, objective, variables, batch, state)"),
    "priors": (pg.priors.AbstractPrior, "__call__", "def __call__(self, array, root)"),
    "constraints": (pg.constraints.AbstractConstraint, "__call__", "def __call__(self, array)"),
    "first": (pg.refinement.AbstractStageAction, "__call__", "def __call__(self, model, start, fit)"),
}


@pytest.mark.parametrize("wrong", OTHER_ARGUMENTS)
def test_methods_that_take_other_arguments_are_refused(scan, wrong):
    base, name, text = OTHER_ARGUMENTS[wrong]
    kind = type("Mine", (base,), {name: lambda self: None, "__annotations__": {"path": str}, "path": ""})
    data, model = scan
    stage = {"priors": {"priors": (kind(),)}, "constraints": {"constraints": {"object": kind()}}}.get(wrong, {})
    stage |= {"first": {"first": kind()}, "solver": {"solver": kind()}, "noise": {"noise": kind()}}.get(wrong, {})
    run = {wrong: kind()} if wrong in ("sampler", "schedule") else {}
    with pytest.raises(pg.InputError) as raised:
        pg.perform(pg.Run(model, data, pg.Nesterov(), (pg.Stage(1, **stage),), 14, **run))
    assert text in str(raised.value)


@pytest.mark.slow
def test_a_static_method_takes_no_self_and_is_as_good(start, data):
    class Static(pg.noise.AbstractNoise):
        @staticmethod
        def nll(expected, measured):
            return (jnp.sqrt(expected + 0.03) - jnp.sqrt(measured + 0.03)) ** 2

    class Usual(pg.noise.AbstractNoise):
        def nll(self, expected, measured):
            return Static.nll(expected, measured)

    assert fitted(start, data, noise=Static()).history.loss == fitted(start, data, noise=Usual()).history.loss
    wrong = type("Mine", (pg.noise.AbstractNoise,), {"nll": staticmethod(lambda expected: expected)})
    with pytest.raises(pg.InputError, match=r"Mine\.nll takes \(expected\)"):
        fitted(start, data, noise=wrong())


def test_a_likelihood_that_is_no_negative_one_is_refused(start, data):
    """What is largest where as much is expected as measured would lead away from it."""

    def likelihood(self, expected, measured):
        return -((jnp.sqrt(expected + 0.03) - jnp.sqrt(measured + 0.03)) ** 2)

    noise = type("Mine", (pg.noise.AbstractNoise,), {"nll": likelihood})()
    with pytest.raises(pg.InputError, match=r"`nll` of Mine is largest where .* expected the negative log-likelihood"):
        fitted(start, data, noise=noise)


# ---- first patterns


def test_a_first_pattern_that_is_not_finite_is_told_with_its_reason(start, data):
    with pytest.raises(pg.InputError, match="Hologram expects NaN or infinity in pattern 0, as wave does where it sta"):
        fitted(Hologram(start.wave * jnp.nan, start.kernels), data)
    dark = with_methods(start, __call__=lambda self, index: jnp.log(jnp.abs(self.wave * self.kernels[index] * 0)))
    with pytest.raises(pg.InputError, match="keep roots, logarithms and quotients from 0"):
        fitted(dark, data)


def test_photons_below_none_are_warned_of(start):
    negative = with_methods(start, __call__=lambda self, index: -Hologram.__call__(self, index))
    assert "fewer than none can't be told from none" in doubts_of_first_pattern(negative)[0]
    assert doubts_of_first_pattern(start) == []


@pytest.mark.parametrize(
    ("gives", "text"), [(lambda h: None, "lack a return"), (lambda h: h.astype(jnp.complex64), "gives complex64")]
)
def test_a_simulation_wants_photons_too(start, gives, text):
    model = with_methods(start, __call__=lambda self, index: gives(Hologram.__call__(self, index)))
    with pytest.raises(pg.InputError, match=text):
        inspect.unwrap(pg.simulate)(model, 3)


def test_a_simulation_takes_constants_of_numpy(start):
    constant = Hologram(start.wave, np.asarray(start.kernels))
    np.testing.assert_array_equal(pg.simulate(constant, 4, seed=1), pg.simulate(start, 4, seed=1))


# ---- what is made of results whose model is one's own


def test_a_pupil_is_not_written_as_a_probe(tmp_path):
    """It is moved in the spectrum of the image, where other programs would place it in the image."""
    model, data, *_ = MODELS["Fourier ptychography"]()
    lit = pg.Image(jnp.fft.ifft2(model.spectrum), sampling=(1e-8, 2e-8))
    pupil, places = pg.physics.Illumination(model.pupil, ("ky", "kx")), pg.physics.Positions(np.asarray(model.corner))
    kind = type("Placed", (type(model),), {"roles": lambda self: pg.Roles(lit, pupil, places)})
    placed = kind(model.spectrum, model.pupil, model.lens, model.corner)
    result = pg.reconstruct(placed, data, pg.adam(0.1), epochs=0, batch_size=4, trainable=("spectrum",))
    for name in ("result.cxi", "product.npz"):
        with pytest.raises(pg.InputError, match="a probe and its positions in the image, and this result's model name"):
            pg.export(result, tmp_path / name)


def test_residuals_of_data_without_positions_are_drawn(start, data):
    """R of each pattern by its number; there is no place to draw it at."""
    titles = [axes.get_title() for axes in figure_of_residuals(pg.quality.residuals(start, data), data).axes]
    assert "χ² of each detector pixel" in titles
    assert not any("position" in title for title in titles)


def test_ring_correlation_of_results_says_where_it_is(start, data):
    result = fitted(start, data)
    with pytest.raises(pg.InputError, match=r"A Result is no image; .* pg\.quality\.half_agreement"):
        inspect.unwrap(pg.fourier_ring_correlation)(result, result)
