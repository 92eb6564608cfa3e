"""The default solver in a near field: how well it does, its long memory, and a distance that is refined."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import near_problems
import problems
import ptychograd as pg
from ptychograd.runs.many import perform_all


@pytest.fixture(scope="module")
def data():
    return near_problems.measurement()


@pytest.mark.slow
def test_only_a_near_field_has_the_long_memory(data):
    """The longest momentum changes every pixel there, and not one byte of a far field."""
    far = problems.measurement()
    for scan, model, alike in ((far, problems.start_model(far), True), (data, pg.near_field(data), False)):
        ends = [
            pg.reconstruct(model, scan, pg.Nesterov(longest_momentum=longest), epochs=6, batch_size=7).object
            for longest in (0.995, 0.8)
        ]
        assert (ends[0].tobytes() == ends[1].tobytes()) == alike


class FarAway(pg.physics.Fresnel):
    """Free space of one's own that calls itself a far field."""

    is_local = False


@pytest.mark.slow
def test_it_is_the_propagator_that_says_whether_a_field_is_near(data):
    model = pg.near_field(data)
    assert model.is_local
    assert not problems.start_model(problems.measurement()).is_local
    space = FarAway(data.frame_shape, near_problems.SAMPLING, 1e-10, near_problems.DISTANCE)
    other = eqx.tree_at(lambda m: m.propagator, model, space)
    assert not other.is_local
    assert float(jnp.abs(other(jnp.array(3)) - model(jnp.array(3))).max()) < 1


# Reconstruction -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_near_field_is_solved_to_its_noise_and_to_the_truth(data):
    """From a flat object and the mean pattern: χ² of 1, and object and probe of the simulation."""
    result = pg.reconstruct(
        pg.near_field(data, object=pg.models.flat_object), data, pg.Nesterov(), epochs=160, batch_size=10
    )
    assert result.history.chi_squared[0] > 100
    assert result.history.chi_squared[-1] < 1.3
    assert pg.nrmse(near_problems.object_wave(), result.object) < 0.005
    assert pg.nrmse(near_problems.probe_wave(), result.probe[0]) < 0.06


@pytest.mark.slow
@pytest.mark.parametrize("off", [0.95, 1.05])
def test_a_distance_that_is_off_by_five_per_cent_is_refined_to_one_per_cent(data, off):
    """By naming it, with a step size that nobody gave."""
    model = pg.near_field(data, object=pg.models.flat_object)
    model = eqx.tree_at(lambda m: m.propagator.distance, model, jnp.float32(off * near_problems.DISTANCE))
    refined = ("object", "probe", "propagator.distance")
    result = pg.reconstruct(model, data, pg.Nesterov(), epochs=160, batch_size=10, trainable=refined)
    assert result.arrays["propagator.distance"] == pytest.approx(near_problems.DISTANCE, rel=0.01)
    assert result.history.chi_squared[-1] < 1.3
    still = pg.reconstruct(model, data, pg.Nesterov(), epochs=160, batch_size=10)
    assert still.arrays["propagator.distance"] == pytest.approx(off * near_problems.DISTANCE)
    assert still.history.chi_squared[-1] > 2


@pytest.mark.slow
def test_a_step_for_the_distance_may_be_given(data):
    """In metres; too small a one leaves it where it was."""
    model = pg.near_field(data, object=pg.models.flat_object)
    solver = pg.Nesterov(steps={"propagator.distance": 1e-9})
    refined = ("object", "probe", "propagator.distance")
    result = pg.reconstruct(model, data, solver, epochs=3, batch_size=7, trainable=refined)
    moved = abs(float(result.arrays["propagator.distance"]) - float(model.propagator.distance))
    assert 0 < moved < 3 * 7 * 2e-9


# The scale between object and probe -----------------------------------------------------------------------


def power(wave):
    return float(np.sum(np.abs(np.asarray(wave, np.complex128)) ** 2))


@pytest.mark.slow
def test_the_probe_keeps_its_power_where_nothing_else_fixes_the_scale():
    """A free object and its probe are known up to a number, which noise and momentum would make grow."""
    data = dataclasses.replace(near_problems.measurement(), support=None)
    model = pg.near_field(data, object=pg.models.flat_object)
    assert model.free_scale == ("object.transmission", ("probe.modes",), 1)
    result = pg.reconstruct(model, data, pg.Nesterov(), epochs=20, batch_size=5)
    assert power(result.probe) == pytest.approx(power(model.probe.modes), rel=1e-4)
    assert power(result.probe - np.asarray(model.probe.modes)) > 0.01 * power(result.probe)


@pytest.mark.slow
def test_a_bright_surround_fixes_the_scale_and_the_probe_is_free():
    data = near_problems.measurement()
    model = pg.near_field(data, object=pg.models.flat_object)
    half = eqx.tree_at(lambda m: m.probe.modes, model, model.probe.modes * 0.5)
    assert half.free_scale is None
    result = pg.reconstruct(half, data, pg.Nesterov(), epochs=20, batch_size=5)
    assert power(result.probe) == pytest.approx(power(data.truth.probe), rel=0.1)


@pytest.mark.slow
def test_the_scale_changes_no_misfit():
    """Steps are the same but for the number: halving the probe and doubling the object gives the same curve."""
    data = dataclasses.replace(near_problems.measurement(), support=None)
    model = pg.near_field(data, object=pg.models.flat_object)
    other = eqx.tree_at(
        lambda m: (m.object.transmission, m.probe.modes),
        model,
        (2 * model.object.transmission, 0.5 * model.probe.modes),
    )
    one, two = (pg.reconstruct(m, data, pg.Nesterov(), epochs=5, batch_size=5) for m in (model, other))
    np.testing.assert_allclose(one.history.r_factor, two.history.r_factor, rtol=1e-3)


# The rest of the machinery --------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_in_two_calls_is_the_same_run(data, tmp_path):
    """The long memory is part of the state, through a file too, bit for bit."""
    model, solver = pg.near_field(data, object=pg.models.flat_object), pg.Nesterov()
    whole = pg.reconstruct(model, data, solver, epochs=6, batch_size=7)
    first = pg.reconstruct(model, data, solver, epochs=4, batch_size=7, planned=6)
    first.save(tmp_path / "first.h5")
    last = pg.reconstruct(model, data, solver, epochs=2, batch_size=7, resume=pg.load(tmp_path / "first.h5"))
    assert last.object.tobytes() == whole.object.tobytes()
    assert last.probe.tobytes() == whole.probe.tobytes()


@pytest.mark.slow
def test_runs_side_by_side_are_what_they_are_alone(data):
    model = pg.near_field(data, object=pg.models.flat_object)
    runs = {
        str(longest): pg.Run(model, data, pg.Nesterov(longest_momentum=longest), (pg.Stage(4),), 7)
        for longest in (0.995, 0.9)
    }
    together = dict(perform_all(runs, at_once=2))
    for name, run in runs.items():
        alone = pg.perform(run)
        np.testing.assert_allclose(together[name].history.loss, alone.history.loss, rtol=1e-4)


@pytest.mark.slow
def test_double_precision_stays_double():
    with jax.enable_x64(True):
        data = near_problems.measurement()
        for dtype in (np.complex64, np.complex128):
            model = pg.near_field(dataclasses.replace(data, support=None), object=pg.models.flat_object, dtype=dtype)
            result = pg.reconstruct(model, data, pg.Nesterov(), epochs=2, batch_size=7)
            assert result.object.dtype == result.probe.dtype == dtype
            assert np.isfinite(result.history.loss).all()


@pytest.mark.parametrize("name", ["momentum", "longest_momentum"])
@pytest.mark.parametrize("value", [1.0, -0.1, float("nan")])
def test_a_momentum_that_never_forgets_is_refused(data, name, value):
    model = pg.near_field(data, object=pg.models.flat_object)
    with pytest.raises(pg.InputError, match=f"^{name} = .*less than 1"):
        pg.reconstruct(model, data, pg.Nesterov(**{name: value}), epochs=1, batch_size=7)


def unsteady(rng):
    """Patterns of a probe that a wave of its own size and form is added to, and how much in each; plain NumPy."""
    height, width = near_problems.FRAME
    y, x = np.mgrid[:height, :width]
    probe, object, patterns = near_problems.probe_wave(), near_problems.object_wave(), []
    variation = 0.3j * probe * (x - 15) / 18 * np.exp(0.05j * y)
    corners = near_problems.positions().astype(int)
    weights = rng.normal(size=len(corners))
    for weight, (row, column) in zip(weights, corners, strict=True):
        wave = (probe + weight * variation) * object[row : row + height, column : column + width]
        patterns.append(rng.poisson(np.abs(np.fft.ifft2(np.fft.fft2(wave) * near_problems.kernel())) ** 2))
    return dataclasses.replace(near_problems.measurement(), patterns=np.array(patterns, np.uint32)), weights


def varying(data, epochs):
    """The result with variations of the probe."""
    stages = (pg.Stage(10, ("object", "probe.modes")), pg.Stage(epochs - 10))
    return pg.perform(pg.Run(pg.models.with_varying_probe(pg.near_field(data), 1), data, pg.Nesterov(), stages, 8))


@pytest.mark.slow
def test_a_probe_that_varies_is_found():
    """Variations have no long memory: with it they hold the object up, and weights come out at 0.987."""
    data, weights = unsteady(np.random.default_rng(5))
    found = varying(data, 90)
    assert abs(np.corrcoef(found.arrays["probe.weights"][:, 0], weights)[0, 1]) > 0.998
    plain = pg.reconstruct(pg.near_field(data), data, pg.Nesterov(), epochs=90, batch_size=8)
    assert found.history.r_factor[-1] < 0.5 * plain.history.r_factor[-1]


@pytest.mark.slow
def test_variations_of_a_probe_that_does_not_vary_do_little_harm():
    """Two of them with a long memory ended at an R of 0.15."""
    data = near_problems.measurement()
    model = pg.models.with_varying_probe(pg.near_field(data), 2)
    stages = (pg.Stage(5, ("object", "probe.modes")), pg.Stage(55))
    assert pg.perform(pg.Run(model, data, pg.Nesterov(), stages, 8)).history.r_factor[-1] < 0.05
