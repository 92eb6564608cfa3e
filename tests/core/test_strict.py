"""What a user's JAX may be set to: models, noise, solvers and feeds hold at all of it.

In the whole suite nothing is promoted in silence, and calls of the package send nothing in silence (see conftest).
Here are what goes beyond: double precision switched on beside a model of single precision, where every number that
brings a type of its own would make the rest double; models and runs made from the first line to the last under the
guard; and the settings that look for mistakes.
"""

import dataclasses
import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import bragg_problems
import near_problems
import problems
import ptychograd as pg
from ptychograd.core.parameters import trainable_names
from ptychograd.fitting.epoch import arguments_of_an_epoch, one_epoch
from ptychograd.fitting.reconstruction import Task, prepared
from ptychograd.models.effects.noises import gaussian_noise

FAR = problems.measurement()
IMAGE = np.linspace(100, 900, FAR.frame_shape[0] * FAR.frame_shape[1]).reshape(FAR.frame_shape)

NOISE = {
    "amplitude": lambda: pg.Amplitude(),
    "poisson": lambda: pg.Poisson(),
    "numpy's number": lambda: pg.Poisson(np.float64(0.03)),
    "gaussian": lambda: pg.Gaussian(np.float64(100), np.float64(1e5)),
    "gaussian image": lambda: gaussian_noise(FAR, 2.0),
    "read out": lambda: pg.noise.PoissonGaussian(np.float64(2)),
    "full": lambda: pg.noise.Censored(pg.Poisson(), 500.0),
    "full, an image": lambda: pg.noise.Censored(gaussian_noise(FAR, 2.0), jnp.asarray(IMAGE)),
    "full and read out": lambda: pg.noise.Censored(pg.noise.PoissonGaussian(2.0), jnp.asarray(IMAGE)),
}


def types_after_an_epoch(model, data, solver, trainable=("object", "probe"), batch_size=5, **asked) -> dict:
    """Number types of all that an epoch gives, and of what it got; it is traced, not compiled."""
    task = Task(model, data, solver, 1, batch_size, trainable, asked.pop("noise", pg.Amplitude()), **asked)
    work, standing = prepared(task)
    patterns, plan = arguments_of_an_epoch(data, work.asked)
    after = eqx.filter_eval_shape(inspect.unwrap(one_epoch), standing.member, patterns, plan, work.asked.mesh)
    got, gave = (standing.member.variables, standing.member.state), (after.variables, after.state)
    return {"got": types(got), "gave": types(gave), "value": types(after.value)}


def types(tree) -> list:
    return [leaf.dtype for leaf in jax.tree.leaves(tree)]


def stays(found: dict, largest: int) -> bool:
    """Whether an epoch gives what it got, in real numbers of so many bytes at most."""
    sizes = [t.itemsize // (1 + (t.kind == "c")) for t in found["gave"] + found["value"]]
    return found["got"] == found["gave"] and max(sizes) <= largest


@pytest.mark.variants
@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.usefixtures("double")
def test_noise_leaves_a_model_its_precision(noise):
    found = types_after_an_epoch(pg.far_field(FAR), FAR, pg.Nesterov(), noise=NOISE[noise]())
    assert stays(found, 4)


@pytest.mark.slow
@pytest.mark.usefixtures("double")
def test_noise_is_double_in_a_double_model():
    model = pg.far_field(FAR, dtype=np.complex128)
    for noise in ("gaussian image", "full and read out"):
        found = types_after_an_epoch(model, FAR, pg.Nesterov(), noise=NOISE[noise]())
        assert stays(found, 8)
        assert set(found["value"]) == {np.dtype(np.float64)}


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.usefixtures("double")
def test_noise_of_several_patterns_is_in_their_own_precision(noise):
    """Also where it is asked for by hand; an image of variances or levels is meant for each pattern."""
    made, key = NOISE[noise](), jax.random.key(0)
    expected = jax.ShapeDtypeStruct((3, *FAR.frame_shape), np.float32)
    counts = jax.ShapeDtypeStruct(expected.shape, np.uint16)
    for found in (
        jax.eval_shape(made.nll, expected, counts),
        jax.eval_shape(made.fisher, expected),
        jax.eval_shape(made.shown, expected),
        jax.eval_shape(made.sample, key, expected),
    ):
        assert found.shape == expected.shape
        assert found.dtype == np.float32 or found.dtype.kind == "i"


SOLVERS = {
    "nesterov": lambda: pg.Nesterov(momentum=np.float64(0.7)),
    "pie": lambda: pg.PIE(),
    "rpie": lambda: pg.PIE(0.2),
    "ad-pie": lambda: pg.ADePIE(),
    "adam": lambda: pg.adam({"object": 0.01, "probe": 1.0}),
    "lion": lambda: pg.Optax(optax.lion(1e-3)),
    "still": lambda: pg.solvers.EvaluateOnly(),
}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.usefixtures("double")
def test_solvers_leave_a_model_its_precision(solver):
    model, made = pg.far_field(FAR), SOLVERS[solver]()
    assert stays(types_after_an_epoch(model, FAR, made), 4)


@pytest.mark.parametrize("solver", ["nesterov", "pie"])
@pytest.mark.usefixtures("double")
def test_solvers_leave_a_near_field_its_precision(solver):
    data, made = near_problems.measurement(), SOLVERS[solver]()
    assert stays(
        types_after_an_epoch(pg.near_field(data, propagator=pg.physics.AngularSpectrum), data, made, batch_size=1), 4
    )


def with_all(model: pg.Ptychography) -> pg.Ptychography:
    model = pg.models.with_modes(pg.models.with_refinable_positions(model, 4), 2)
    model = pg.models.with_varying_intensity(pg.models.with_varying_probe(model, 2))
    return pg.models.with_background(pg.models.with_point_spread(pg.models.with_flat_field(model)), 0.1)


PARTS = {
    "all": with_all,
    "states": lambda model: pg.models.with_object_modes(model, 2),
    "of magnitude 1": lambda model: pg.models.with_magnitude(model, pg.physics.UnitMagnitude()),
    "bounded": lambda model: pg.models.with_magnitude(model, pg.physics.BoundedMagnitude()),
    "jitter and a kernel": lambda model: pg.models.with_point_spread(
        pg.models.with_jitter(model, 0.5), np.ones((3, 3))
    ),
    "slices": lambda model: pg.models.with_slices(model, 2, 1e-5),
    "aberrations": lambda model: pg.models.with_aberrations(model, 1e-4, {5: 0.1}),
    "bandwidth": lambda model: pg.models.with_bandwidth(model, 0.01),
}
FIXED = ("scan.shift", "propagator")


@pytest.mark.slow
@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.usefixtures("double")
def test_parts_of_a_model_keep_its_precision(parts):
    data = dataclasses.replace(near_problems.measurement(), support=None)
    model = PARTS[parts](pg.near_field(data))
    free = tuple(name for name in trainable_names(model) if not name.startswith(FIXED))
    assert stays(types_after_an_epoch(model, data, pg.Nesterov(), free), 4)


@pytest.mark.parametrize("prior", [pg.priors.Tikhonov, pg.priors.TotalVariation, pg.priors.Sparse])
@pytest.mark.usefixtures("double")
def test_priors_keep_the_precision_of_a_model(prior):
    priors = (prior(np.float64(0.1)),)
    assert stays(types_after_an_epoch(pg.far_field(FAR), FAR, pg.Nesterov(), priors=priors), 4)


@pytest.mark.slow
@pytest.mark.usefixtures("double")
def test_a_crystal_keeps_its_precision():
    data = bragg_problems.measurement()
    model = pg.models.with_refinable_positions(pg.bragg(data), 3)
    found = types_after_an_epoch(model, data, pg.Nesterov(), ("object", "scan.offset", "scan.affine"), 10)
    assert stays(found, 4)


@pytest.mark.slow
@pytest.mark.usefixtures("double")
def test_a_run_of_single_precision_is_the_same_where_double_is_on():
    """With a variance of its own for every pixel."""

    def run():
        model, noise = pg.far_field(FAR), gaussian_noise(FAR, 2.0)
        return pg.reconstruct(model, FAR, pg.solvers.EvaluateOnly(), epochs=1, batch_size=36, noise=noise)

    result = run()
    with jax.enable_x64(False):
        usual = run()
    assert result.object.dtype == np.complex64
    np.testing.assert_allclose(result.history.loss, usual.history.loss, rtol=1e-6)


# Transfers ------------------------------------------------------------------------------------------------


@pytest.fixture
def disallowed():
    with jax.transfer_guard("disallow"):
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("disallowed")
@pytest.mark.parametrize(
    "solver", [lambda: pg.Nesterov(), lambda: pg.PIE(), lambda: pg.adam({"object": 0.01, "probe": 1.0})]
)
def test_from_the_first_line_to_the_last_nothing_is_sent_in_silence(solver):
    model = pg.far_field(FAR)
    seen = []

    def look(progress):
        with pytest.raises(jax.errors.JaxRuntimeError, match="Disallowed host-to-device"):
            jnp.zeros(3)  # the loop over epochs is not exempt
        seen.append(progress.so_far().probe.shape)

    result = pg.reconstruct(model, FAR, solver(), epochs=2, batch_size=36, on_epoch=look)
    onward = pg.reconstruct(model, FAR, solver(), epochs=1, batch_size=36, resume=result)
    assert len(seen) == 2
    assert onward.history.epochs == 3
    assert np.isfinite(onward.history.loss).all()
    assert onward.onto(model)(0).shape == FAR.frame_shape


@pytest.mark.slow
@pytest.mark.usefixtures("disallowed")
def test_parts_are_made_and_asked_under_the_guard():
    pg.physics.Detector(), pg.physics.GaussianSpread(0.5), pg.physics.KernelSpread(np.ones((3, 3)))
    (
        pg.physics.Fresnel((20, 18), (1e-6, 1e-6), 1e-10, 1e-3),
        pg.physics.AngularSpectrum((20, 18), (1e-6, 1e-6), 1e-10, 1e-3),
    )
    assert "0.01" in pg.adam({"object": 0.01, "probe": 1.0}).description
    data = dataclasses.replace(near_problems.measurement(), support=None)
    for parts in PARTS.values():
        parts(pg.near_field(data))
    probe = pg.models.with_aberrations(pg.near_field(data), 1e-4, {5: 0.1}).probe
    assert probe.illumination.shape == (1, *data.frame_shape)
    assert pg.bragg(bragg_problems.measurement()).is_local is False


@pytest.mark.slow
@pytest.mark.usefixtures("disallowed")
def test_refined_positions_are_told_under_the_guard():
    model = pg.models.with_jitter(pg.far_field(FAR), 0.4)
    assert model.scan.corrections().shape == (FAR.count, 2)
    result = pg.reconstruct(model, FAR, pg.solvers.EvaluateOnly(), epochs=1, batch_size=36)
    assert np.abs(result.corrections).max() > 0.1
    assert result.corners.shape == result.positions_refined.shape == (FAR.count, 2)


# Settings that look for mistakes --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("noise", [pg.noise.PoissonGaussian(2.0), pg.Amplitude()], ids=["read out", "amplitude"])
def test_no_random_key_is_used_twice(noise):
    expected = jnp.full((5, 4), 7.0, jnp.float32)
    drawn = noise.sample(jax.random.key(3), expected)
    with jax.debug_key_reuse(True):
        np.testing.assert_array_equal(noise.sample(jax.random.key(3), expected), drawn)


@pytest.mark.slow
@pytest.mark.parametrize("look", [jax.debug_nans, jax.check_tracer_leaks])
def test_a_run_holds_where_mistakes_are_looked_for(look):
    """On patterns with dark pixels, of a full detector that is read out with noise."""
    noise = pg.noise.Censored(pg.noise.PoissonGaussian(2.0), 500.0)
    with look(True):
        result = pg.reconstruct(pg.far_field(FAR), FAR, pg.Nesterov(), epochs=1, batch_size=36, noise=noise)
    assert np.isfinite(result.history.loss).all()
