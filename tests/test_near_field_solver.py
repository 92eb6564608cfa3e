"""The default solver in a near field: how well it does, its long memory, and a distance that is refined."""

import equinox as eqx
import jax.numpy as jnp
import pytest

import near_problems
import problems
import ptychograd as pg


@pytest.fixture(scope="module")
def data():
    return near_problems.measurement()


def test_only_a_near_field_has_the_long_memory(data):
    """The longest momentum changes every pixel there, and not one byte of a far field."""
    far = problems.measurement()
    for scan, model, alike in ((far, problems.start_model(far), True), (data, pg.near_field(data), False)):
        ends = [
            pg.reconstruct(model, scan, pg.Nesterov(longest_momentum=longest), epochs=6, batch_size=7).object
            for longest in (0.995, 0.8)
        ]
        assert (ends[0].tobytes() == ends[1].tobytes()) == alike


class FarAway(pg.Fresnel):
    """Free space of one's own that calls itself a far field."""

    is_local = False


def test_it_is_the_propagator_that_says_whether_a_field_is_near(data):
    model = pg.near_field(data)
    assert model.is_local
    assert not pg.far_field(data).is_local
    space = FarAway(data.frame_shape, near_problems.SAMPLING, 1e-10, near_problems.DISTANCE)
    other = eqx.tree_at(lambda m: m.propagator, model, space)
    assert not other.is_local
    assert float(jnp.abs(other(jnp.array(3)) - model(jnp.array(3))).max()) < 1


# Reconstruction -------------------------------------------------------------------------------------------


def test_a_near_field_is_solved_to_its_noise_and_to_the_truth(data):
    """From a flat object and the mean pattern: χ² of 1, and object and probe of the simulation."""
    result = pg.reconstruct(pg.near_field(data, object=pg.flat_object), data, pg.Nesterov(), epochs=160, batch_size=10)
    assert result.history.chi_squared[0] > 100
    assert result.history.chi_squared[-1] < 1.3
    assert pg.nrmse(near_problems.object_wave(), result.object) < 0.005
    assert pg.nrmse(near_problems.probe_wave(), result.probe[0]) < 0.06


@pytest.mark.parametrize("off", [0.95, 1.05])
def test_a_distance_that_is_off_by_five_per_cent_is_refined_to_one_per_cent(data, off):
    """By naming it, with a step size that nobody gave."""
    model = pg.near_field(data, object=pg.flat_object)
    model = eqx.tree_at(lambda m: m.propagator.distance, model, jnp.float32(off * near_problems.DISTANCE))
    refined = ("object", "probe", "propagator.distance")
    result = pg.reconstruct(model, data, pg.Nesterov(), epochs=160, batch_size=10, trainable=refined)
    assert result.arrays["propagator.distance"] == pytest.approx(near_problems.DISTANCE, rel=0.01)
    assert result.history.chi_squared[-1] < 1.3
    still = pg.reconstruct(model, data, pg.Nesterov(), epochs=160, batch_size=10)
    assert still.arrays["propagator.distance"] == pytest.approx(off * near_problems.DISTANCE)
    assert still.history.chi_squared[-1] > 2


def test_a_step_for_the_distance_may_be_given(data):
    """In metres; too small a one leaves it where it was."""
    model = pg.near_field(data, object=pg.flat_object)
    solver = pg.Nesterov(steps={"propagator.distance": 1e-9})
    refined = ("object", "probe", "propagator.distance")
    result = pg.reconstruct(model, data, solver, epochs=3, batch_size=7, trainable=refined)
    moved = abs(float(result.arrays["propagator.distance"]) - float(model.propagator.distance))
    assert 0 < moved < 3 * 7 * 2e-9
