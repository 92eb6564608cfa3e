"""Priors: their values by NumPy, their slopes and bounds, and weights that mean the same at any batch size."""

from dataclasses import replace
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ptychograd as pg
from problems import measurement, object_wave, probe_wave
from ptychograd.core.parameters import Planes
from ptychograd.fitting.objective import Penalty

RNG = np.random.default_rng(2)
ARRAY = RNG.normal(size=(7, 10)) + 1j * RNG.normal(size=(7, 10))
SLICES = RNG.normal(size=(3, 7, 10)) + 1j * RNG.normal(size=(3, 7, 10))
ROOT = 4.0
PRIORS = {
    "tv": (pg.priors.TotalVariation(0.3), ARRAY),
    "tv of slices": (pg.priors.TotalVariation(0.3, smoothing=1.0), SLICES),
    "tikhonov": (pg.priors.Tikhonov(0.3), ARRAY),
    "pixels": (pg.priors.Sparse(0.3, pg.priors.Pixels()), ARRAY),
    "haar": (pg.priors.Sparse(0.3), ARRAY),
    "haar of slices": (pg.priors.Sparse(0.3, pg.priors.Haar(2)), SLICES),
    "slices": (pg.priors.SliceSimilarity(0.3), SLICES),
    "real": (pg.priors.Tikhonov(0.3, "detector.background"), ARRAY.real),
}
every_prior = pytest.mark.parametrize("name", PRIORS)
pytestmark = pytest.mark.usefixtures("double")


@pytest.mark.slow
def test_values_are_those_of_their_formulas():
    y, x = np.abs(np.diff(ARRAY, axis=0)) ** 2, np.abs(np.diff(ARRAY, axis=1)) ** 2
    squares = np.pad(y, ((0, 1), (0, 0))) + np.pad(x, ((0, 0), (0, 1)))
    expected = {
        "tv": 0.3 * np.sum(np.sqrt(16 * squares + 0.01) - 0.1),
        "tikhonov": 0.3 * 4 * (y.sum() + x.sum()),
        "pixels": 0.3 * np.sum(np.sqrt(16 * np.abs(ARRAY - 1) ** 2 + 0.01) - 0.1),
    }
    for name, value in expected.items():
        prior, array = PRIORS[name]
        assert float(prior(jnp.asarray(array), jnp.array(ROOT))) == pytest.approx(value), name
    alike = 0.3 * 4 * np.sum(np.abs(np.diff(SLICES, axis=0)) ** 2)
    assert float(PRIORS["slices"][0](jnp.asarray(SLICES), jnp.array(ROOT))) == pytest.approx(alike)


@pytest.mark.slow
def test_haar_details_are_orthonormal_and_vanish_for_what_is_even():
    haar = eqx.filter_jit(pg.priors.Haar(2))
    rows = np.array([np.concatenate([d.ravel() for d in haar(e.reshape(8, 4))]) for e in np.eye(32)]).T
    np.testing.assert_allclose(rows @ rows.T, np.eye(len(rows)), atol=1e-12)
    assert all(np.abs(detail).max() < 1e-12 for detail in pg.priors.Haar(3)(jnp.full((13, 9), 2.5)))


@pytest.mark.variants
@every_prior
def test_the_majorant_bounds_every_change(name):
    """penalty(x + d) <= penalty(x) + slope·d + Σ D |d|², for changes small and large, rough and smooth."""
    prior, array = PRIORS[name]
    array, root = jnp.asarray(array), jnp.array(ROOT)
    penalty = Penalty(prior, root)
    leaf = Planes(array.real, array.imag) if jnp.iscomplexobj(array) else array
    of = jax.jit(lambda leaf: penalty.value_and_gradient(leaf))
    value, slope = of(leaf)
    bound = eqx.filter_jit(penalty.majorant)(leaf)
    assert bound.shape == array.shape
    twice = 2 if isinstance(leaf, Planes) else 1  # Wirtinger's derivative is half of the planes'
    tightest = np.inf
    checkers = (-1.0) ** np.add.outer(np.arange(array.shape[-2]), np.arange(array.shape[-1]))
    for change in (*RNG.normal(size=(20, *array.shape)), np.broadcast_to(checkers, array.shape)):
        for size in (1e-3, 0.1, 3.0):
            change_of = jnp.asarray(size * change)
            moved = jax.tree.map(lambda plane, d=change_of: plane + d, leaf)
            linear = twice * sum(jnp.vdot(s, change_of) for s in jax.tree.leaves(slope))
            square = jnp.sum(bound * change_of**2) * len(jax.tree.leaves(leaf))
            room = float(value + linear + square - of(moved)[0])
            assert room >= -1e-9
            tightest = min(tightest, room / float(square))
    assert tightest < 0.999  # it is not that everything is allowed


@pytest.mark.variants
@every_prior
def test_the_slope_is_that_of_finite_differences(name):
    prior, array = PRIORS[name]
    array, root, at = jnp.asarray(array), jnp.array(ROOT), (..., 2, 3)
    prior = eqx.filter_jit(prior)
    _, slope = eqx.filter_jit(Penalty(PRIORS[name][0], root).value_and_gradient)(Planes(array.real, array.imag))
    for step, expected in ((1e-5, slope.real), (1e-5j, slope.imag)):
        if jnp.iscomplexobj(array) or step == 1e-5:
            ends = [float(prior(array.at[at].add(sign * step), root)) for sign in (1, -1)]
            assert np.sum(expected[at]) == pytest.approx((ends[0] - ends[1]) / 4e-5, rel=1e-5)


@pytest.mark.slow
def test_where_the_object_is_known_a_prior_sees_what_is_known():
    free = jnp.zeros(ARRAY.shape, bool).at[2:5, 3:8].set(True)
    leaf = Planes(jnp.asarray(ARRAY.real), jnp.asarray(ARRAY.imag))
    penalty = Penalty(pg.priors.TotalVariation(1.0), jnp.array(ROOT), free, 1.0)
    value, slope = eqx.filter_jit(penalty.value_and_gradient)(leaf)
    known = eqx.filter_jit(pg.priors.TotalVariation(1.0))(jnp.where(free, ARRAY, 1), jnp.array(ROOT))
    assert float(value) == pytest.approx(float(known), rel=1e-12)
    assert not np.any(np.asarray(slope.real)[~free])
    assert not np.any(np.asarray(eqx.filter_jit(penalty.majorant)(leaf))[~free])


# In reconstructions ---------------------------------------------------------------------------------------


@cache
def embedded() -> pg.Dataset:
    """A measurement whose probe is known, of an object inside a support: nothing is left open but the object."""
    data = measurement(photons=1e5, probe=probe_wave(1e5))
    support = np.zeros(object_wave().shape, bool)
    support[12:40, 10:36] = True
    object = np.where(support, object_wave(), 1)
    patterns = []
    for row, column in data.positions.astype(int):
        wave = probe_wave(1e5) * object[row : row + 20, column : column + 18]
        patterns.append(np.abs(np.fft.fftshift(np.fft.fft2(wave))) ** 2 / wave.size)
    counts = np.random.default_rng(1).poisson(patterns).astype(np.uint16)
    return replace(data, patterns=counts, support=support, truth=pg.data.GroundTruth(object, probe_wave(1e5)[None]))


@cache
def recovered(batch_size: int, prior: pg.priors.TotalVariation | pg.priors.Tikhonov | None, solver: str = "nesterov"):
    """The object inside its support, in single precision as usual."""
    with jax.enable_x64(False):
        data, priors = embedded(), () if prior is None else (prior,)
        # full steps of adam never settle; cooling ends those of Nesterov
        moves = pg.Nesterov() if solver == "nesterov" else pg.adam(0.002)
        model, epochs = pg.far_field(data, object=pg.models.flat_object), 400 if batch_size > 16 else 120
        kinds = {"trainable": ("object",), "epochs": epochs if solver == "nesterov" else 400}
        result = pg.reconstruct(model, data, moves, batch_size=batch_size, priors=priors, **kinds)
        return result.object[data.support], result


@pytest.mark.parametrize(
    "prior",
    [
        pytest.param(pg.priors.TotalVariation(3.0), id="tv", marks=pytest.mark.slow),
        pytest.param(pg.priors.Tikhonov(20.0), id="tikhonov", marks=pytest.mark.slow),
    ],
)
def test_a_weight_means_the_same_at_any_batch_size(prior):
    """The object comes out the same within a small part of what the prior changes."""
    plain, whole = recovered(16, None)[0], recovered(embedded().count, prior)[0]
    change = np.linalg.norm(whole - plain)
    assert change > 0.02 * np.linalg.norm(plain)
    for batch_size in (4, 16):
        assert np.linalg.norm(recovered(batch_size, prior)[0] - whole) < 0.05 * change


@pytest.mark.slow
def test_another_solver_ends_at_the_same_object():
    prior = pg.priors.Tikhonov(20.0)
    plain, ours, other = recovered(16, None)[0], recovered(16, prior)[0], recovered(16, prior, "adam")[0]
    assert np.linalg.norm(other - ours) < 0.15 * np.linalg.norm(ours - plain)


@pytest.mark.slow
def test_the_loss_is_that_of_the_patterns_and_all_priors_once():
    """One epoch in which nothing can move: the batch size must not matter."""
    with jax.enable_x64(False):
        data = embedded()
        model = pg.far_field(data, object=pg.models.flat_object)
        for batch_size in (7, data.count):
            losses = [
                pg.reconstruct(
                    model, data, pg.adam(1e-12), epochs=1, batch_size=batch_size, trainable=("object",), priors=priors
                ).history.loss[0]
                for priors in ((), (pg.priors.Sparse(2.0, pg.priors.Pixels(0j)),))
            ]
            root = np.sqrt(data.total / np.count_nonzero(data.support))
            size = object_wave().size
            assert losses[1] - losses[0] == pytest.approx(2 * size * (np.hypot(root, 0.1) - 0.1), rel=1e-3)


@pytest.mark.slow
def test_large_weights_stay_stable():
    result = recovered(4, pg.priors.TotalVariation(300.0))[1]
    assert np.all(np.isfinite(result.history.loss))
    assert np.std(result.object[embedded().support]) < 0.3 * np.std(recovered(16, None)[0])


@pytest.mark.slow
def test_two_devices_weigh_priors_as_one_does():
    with jax.enable_x64(False):
        data = embedded()
        model, asked = pg.far_field(data, object=pg.models.flat_object), {"epochs": 3, "batch_size": 8}
        one, two = (
            pg.reconstruct(
                model,
                data,
                pg.Nesterov(),
                **asked,
                priors=(pg.priors.TotalVariation(3.0),),
                devices=jax.devices()[:count],
            )
            for count in (1, 2)
        )
        np.testing.assert_allclose(one.history.loss, two.history.loss, rtol=1e-3)


@pytest.mark.slow
def test_priors_are_named_in_the_settings_and_a_change_of_them_starts_the_solver_afresh():
    with jax.enable_x64(False):
        data = embedded()
        model, solver = pg.far_field(data, object=pg.models.flat_object), pg.Nesterov()
        first = pg.reconstruct(model, data, solver, epochs=1, batch_size=16)
        assert "priors" not in first.settings
        second = pg.reconstruct(
            model, data, solver, epochs=1, batch_size=16, resume=first, priors=(pg.priors.TotalVariation(0.25),)
        )
        assert second.settings["priors"] == [repr(pg.priors.TotalVariation(0.25, path="object.transmission"))]
        assert "0.25" in second.settings["priors"][0]
        assert "mean_diagonals.object.transmission" in second.state
        assert not any(name.startswith("mean_diagonals") for name in first.state)


@pytest.mark.parametrize(
    ("prior", "text"),
    [
        (pg.priors.Tikhonov(1.0, "object.thickness"), "Unknown parameter"),
        (pg.priors.Tikhonov(1.0, "object"), "takes one array|Unknown"),
        (pg.priors.Tikhonov(1.0, "detector.background"), "takes an image"),
    ],
)
def test_priors_on_what_is_no_image_are_refused(prior, text):
    with jax.enable_x64(False), pytest.raises(pg.InputError, match=text):
        pg.reconstruct(pg.far_field(embedded()), embedded(), pg.Nesterov(), epochs=1, priors=(prior,))


def test_pie_refuses_priors_and_weights_have_to_make_sense():
    with jax.enable_x64(False), pytest.raises(pg.InputError, match="PIE takes no priors"):
        pg.reconstruct(pg.far_field(embedded()), embedded(), pg.ADePIE(), epochs=1, priors=(pg.priors.Tikhonov(1.0),))
    for make in (
        lambda: pg.priors.Tikhonov(-1.0),
        lambda: pg.priors.TotalVariation(1.0, smoothing=0.0),
        lambda: pg.priors.Haar(0),
    ):
        with pytest.raises(pg.InputError):
            make()


# One's own, by its value alone ----------------------------------------------------------------------------


class Smooth(pg.priors.AbstractPrior):
    """Tikhonov's, written anew."""

    weight: float
    path: str = eqx.field(static=True, default="object.transmission")

    def __call__(self, array, root):
        steps = (jnp.diff(plane, axis=axis) for plane in (array.real, array.imag) for axis in (-2, -1))
        return self.weight * root * sum(jnp.sum(step**2) for step in steps)


class Steep(pg.priors.AbstractPrior):
    """A power of the distance from one: flat near it, and steep far away."""

    weight: float
    power: int = eqx.field(static=True, default=4)
    path: str = eqx.field(static=True, default="object.transmission")

    def __call__(self, array, root):
        return self.weight * root * jnp.sum(((array.real - 1) ** 2 + array.imag**2) ** self.power)


class TakenForFlat(Steep):
    def majorant(self, array, root):
        return jnp.zeros_like(array.real)


class OfEach(Steep):
    def __call__(self, array, root):
        return self.weight * root * jnp.abs(array)


class OneBound(Steep):
    def majorant(self, array, root):
        return root


@pytest.mark.variants
@pytest.mark.parametrize("prior", [Smooth(0.3), Steep(0.3), Steep(1e6, 2), Steep(1e-6)], ids=repr)
def test_a_step_of_the_estimated_size_never_raises_the_penalty(prior):
    penalty = Penalty(prior, jnp.asarray(ROOT))

    @eqx.filter_jit
    def step(leaf):
        value, slope = penalty.value_and_gradient(leaf)
        bound = penalty.majorant(leaf)
        return value, jax.tree.map(lambda plane, s: plane - s / bound, leaf, slope)

    leaf, values = Planes(jnp.asarray(ARRAY.real), jnp.asarray(ARRAY.imag)), []
    for _ in range(60):
        value, leaf = step(leaf)
        values.append(float(value))
    assert (np.diff(values) <= 1e-12 * np.array(values[:-1])).all()
    assert values[-1] < 0.1 * values[0]


@pytest.mark.slow
def test_the_estimate_is_near_the_largest_curvature():
    """The Laplacian's is 8 for all arrays; that of each pixel by itself is known; no slope and no curvature is none."""
    exact, root = 8 * 0.3 * ROOT, jnp.asarray(ROOT)
    majorant = eqx.filter_jit(lambda prior, array: prior.majorant(array, root))
    for seed in range(3):
        shape = (21, 34)
        array = jnp.asarray(np.random.default_rng(seed).normal(size=(2, *shape))).sum(axis=0).astype(complex)
        middle = majorant(Smooth(0.3), array)[2:-2, 2:-2]
        assert 0.9 * exact < float(middle.mean()) < 1.8 * exact
    steep = 0.3 * ROOT * 12 * np.abs(ARRAY - 1) ** 2  # of |u|⁴, half of the second derivative along u is 6 |u|²
    np.testing.assert_array_less(0.4 * steep, majorant(Steep(0.3, 2), jnp.asarray(ARRAY)))
    assert float(majorant(Steep(0.3), jnp.ones((5, 4), complex)).max()) < 0.01 * float(
        majorant(Steep(0.3), jnp.asarray(ARRAY)).max()
    )


@pytest.mark.slow
def test_a_fit_with_ones_own_penalty_is_that_with_the_built_in_one():
    data = measurement()
    start = pg.far_field(data)
    one, other = (
        pg.reconstruct(start, data, pg.Nesterov(), epochs=12, batch_size=8, priors=prior)
        for prior in (Smooth(0.3), pg.priors.Tikhonov(0.3))
    )
    assert one.history.r_factor[-1] == pytest.approx(other.history.r_factor[-1], rel=0.02)


@pytest.mark.slow
def test_a_steep_penalty_converges_where_a_step_that_takes_it_for_flat_does_not():
    data = measurement()
    start = pg.far_field(data, object=pg.models.random_object(5))
    options = {"epochs": 8, "batch_size": 8}
    with pytest.raises(pg.fitting.NonFiniteError):
        pg.reconstruct(start, data, pg.Nesterov(), priors=TakenForFlat(1e5), **options)
    result = pg.reconstruct(start, data, pg.Nesterov(), priors=Steep(1e5), **options)
    assert result.history.loss[-1] < 1e-3 * result.history.loss[0]
    assert "loss_rose" not in result.settings


@pytest.mark.parametrize(
    ("prior", "sentence"),
    [
        (OfEach(1.0), r"prior OfEach gives float\d\d\[\d+, \d+\] for object.transmission .*; expected one real number"),
        (OneBound(1.0), r"`majorant` of the prior OneBound gives float\d\d\[\] .*; expected one number for each pixel"),
    ],
    ids=["each", "bound"],
)
def test_a_prior_of_other_shape_is_refused_before_a_run(prior, sentence):
    data = measurement()
    run = pg.Run(pg.far_field(data), data, pg.Nesterov(), (pg.Stage(1), pg.Stage(1, priors=(prior,))), 8)
    with pytest.raises(pg.InputError, match=sentence):
        pg.perform(run)
