"""Windows that leave their array, and calls that see more than their window: refused, not moved in silence."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

import problems
import ptychograd as pg
from ptychograd.models.effects import with_refinable_positions
from ptychograd.physics.checks import check_windows
from ptychograd.physics.scan import WholePixelScan

GEOMETRY = pg.NearFieldGeometry(1e-10, 0.012, (0.3e-6, 0.3e-6))


def near_field(positions):
    patterns = np.random.default_rng(0).poisson(50.0, (len(positions), 40, 38))
    data = pg.make_dataset(patterns, np.array(positions) * 0.3e-6, geometry=GEOMETRY)
    return data, pg.near_field(data, dtype=np.complex64)


@pytest.mark.slow
@pytest.mark.parametrize("far", [(4.5, 6.3), (5.5, 6.49), (3.0, 7.51)])
def test_a_binned_near_field_has_room_for_positions_that_round_away(far):
    """The finer windows of all positions against an object that varies: as a slice of a larger one."""
    _, model = near_field([[0.0, 0.0], far])
    finer = pg.models.with_oversampling(model, 2)
    corners = np.asarray(finer.scan.corner)
    assert (corners + finer.frame_shape <= finer.object.transmission.shape).all()
    assert (corners[1] == np.round(2 * np.array(far))).all()
    check_windows(finer, 2)
    rng = np.random.default_rng(1)
    wave = rng.normal(size=finer.object.transmission.shape) + 0.5j
    finer = eqx.tree_at(lambda m: m.object.transmission, finer, jnp.asarray(wave, jnp.complex64))
    padded = jnp.asarray(np.pad(wave, 3), jnp.complex64)
    wider = eqx.tree_at(lambda m: (m.object.transmission, m.scan.corner), finer, (padded, finer.scan.corner + 3))
    np.testing.assert_array_equal(finer.exit_wave(jnp.asarray(1)), wider.exit_wave(jnp.asarray(1)))


def test_a_known_surround_stays_known_in_that_room():
    positions = np.array([[0.0, 0.0], [4.5, 6.3]])
    patterns, support = np.ones((2, 40, 38)), np.ones((44, 44), bool)
    data = pg.make_dataset(patterns, positions * 0.3e-6, geometry=GEOMETRY, support=support)
    finer = pg.models.with_oversampling(pg.near_field(data, object=pg.models.flat_object), 2)
    assert finer.object.transmission.shape == (89, 89)
    assert not np.asarray(finer.object.support)[88].any()
    assert np.asarray(finer.object.support)[:88, :88].all()


@pytest.mark.parametrize("corner", [(34, 3), (3, 30), (-1, 0)])
def test_a_window_beyond_the_edge_is_refused_where_patterns_are_made_or_fitted(corner):
    data = problems.measurement()
    model = problems.start_model(data)
    corners = np.array(model.scan.corner)
    corners[7] = corner
    model = eqx.tree_at(lambda m: m.scan, model, WholePixelScan(jnp.asarray(corners)))
    text = r"(Pattern|position) 7.*, which has \(53, 47\); of 56 (windows 1 leave it|positions 1 do)"
    with pytest.raises(pg.InputError, match=text):
        pg.simulate(model, data.count)
    with pytest.raises(pg.InputError, match=r"position 7, an illumination of \(20, 18\) pixels leaves the image"):
        pg.reconstruct(model, data, pg.Nesterov(), epochs=1, batch_size=8)


@pytest.mark.slow
@pytest.mark.parametrize("reach", [1, 2, 3])
@pytest.mark.parametrize("sign", [-1, 1])
def test_refined_positions_stay_within_the_margin_at_half_pixels(reach, sign):
    """A rest of half a pixel and a correction as large as the reach round to a whole number that is one more."""
    data = problems.measurement()
    data = pg.make_dataset(data.patterns, data.positions + np.where(np.arange(data.count) % 2, 0.5, 0.0)[:, None])
    model = with_refinable_positions(problems.start_model(data), reach)
    offset = jnp.full(model.scan.offset.shape, sign * (reach + 5.0), jnp.float32)
    model = eqx.tree_at(lambda m: (m.scan.offset, m.scan.shift), model, (offset, jnp.full(offset.shape, 0.5 * sign)))
    check_windows(model, data.count)
    corner, shift = (np.asarray(part) for part in model.scan(jnp.asarray(3)))
    np.testing.assert_array_equal(corner, np.asarray(model.scan.corners())[3])
    np.testing.assert_allclose(corner + shift, np.asarray(model.scan.corner)[3] + sign * (reach + 0.5))


class Own(pg.AbstractModel):
    """Physics of one's own: light through a window, against the mean of all or of the window."""

    object: Array
    corner: Array
    sees_all: bool = eqx.field(static=True)
    size: tuple[int, int] = eqx.field(static=True, default=(9, 8))

    def __call__(self, index):
        patch = pg.extract_window(self.object, self.corner[index], self.size)
        mean = jnp.mean(self.object if self.sees_all else patch)
        return 20 * patch**2 + mean**2

    def windows(self, index):
        return {"object": pg.Window(self.corner[index], self.size)}


def own(sees_all, far=(20, 21)):
    corner = jnp.asarray([[0, 0], [4, 7], far], jnp.int32)
    return Own(jnp.ones((29, 29)), corner, sees_all), pg.make_dataset(np.full((3, 9, 8), 21.0), np.zeros((3, 2)))


@pytest.mark.slow
def test_a_call_that_sees_more_than_its_window_is_named():
    model, data = own(sees_all=True)
    with pytest.raises(pg.InputError, match=r"Own says by `windows` .* window of object, but pattern 0 differs by"):
        pg.reconstruct(model, data, pg.adam(0.01), epochs=1, batch_size=1, trainable=("object",))
    model, data = own(sees_all=False)
    result = pg.reconstruct(model, data, pg.adam(0.01), epochs=1, batch_size=1, trainable=("object",))
    assert np.isfinite(result.history.loss[0])


def test_windows_of_ones_own_model_beyond_the_edge_are_refused():
    model, data = own(sees_all=False, far=(21, 20))
    with pytest.raises(pg.InputError, match=r"Pattern 2 sees pixels \[21, 20\] to \[30, 28\] \(y, x\) of object"):
        pg.reconstruct(model, data, pg.adam(0.01), epochs=1, batch_size=1, trainable=("object",))


class Vignette(pg.physics.AbstractObject):
    """A part of one's own in a model of the package, whose transmission is relative to its mean."""

    transmission: Array

    def __call__(self, probe, corner):
        patch = pg.extract_window(self.transmission, corner, probe.shape[-2:])
        return probe * patch[None] / jnp.mean(jnp.abs(self.transmission)).astype(patch.dtype)


def test_parts_of_ones_own_are_asked_too():
    data = problems.measurement()
    model = problems.start_model(data)
    model = eqx.tree_at(lambda m: m.object, model, Vignette(model.object.transmission))
    with pytest.raises(pg.InputError, match=r"window of object\.transmission"):
        pg.reconstruct(model, data, pg.Nesterov(), epochs=1, batch_size=8)


def test_models_of_the_package_are_not_asked():
    """Nothing is computed for them: the answer would cost a pattern. Of shapes alone there is none to be computed."""
    from ptychograd.physics.promise import check_promise

    model = problems.start_model(problems.measurement())
    ones_own = eqx.tree_at(lambda m: m.object, model, Vignette(model.object.transmission))
    shapes, others = (eqx.filter_eval_shape(lambda one=one: one) for one in (model, ones_own))
    check_promise(shapes)
    with pytest.raises(TypeError, match="ShapeDtypeStruct"):
        check_promise(others)


def test_positions_in_a_compiled_loop_can_not_leave(double):
    """The corner inside of jit is the one outside."""
    data = problems.measurement()
    model = with_refinable_positions(problems.start_model(data, dtype=np.complex128), 2)
    model = eqx.tree_at(lambda m: m.scan.offset, model, jnp.full(model.scan.offset.shape, 90.0))
    corner, _ = jax.jit(lambda scan, index: scan(index))(model.scan, jnp.asarray(5))
    np.testing.assert_array_equal(corner, np.asarray(model.scan.corner)[5] + 2)
