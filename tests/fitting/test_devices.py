"""Batches spread over several devices: virtual ones of a CPU, which `conftest` sets up."""

import jax
import numpy as np
import pytest
from jax.sharding import Mesh

import bragg_problems
import problems
import ptychograd as pg
from ptychograd.fitting.epoch import AXES, Asked, Resident, everywhere, grid, one_epoch
from ptychograd.fitting.reconstruction import Task, prepared

DEVICES = jax.devices()
ADAM = pg.adam({"object": 0.01, "probe": 1.0})


def test_there_are_four():
    assert len(DEVICES) == 4


@pytest.mark.parametrize(("batch_size", "shape"), [(16, (1, 4)), (6, (1, 3)), (5, (1, 3)), (2, (1, 2))])
def test_cores_divide_a_batch(batch_size, shape):
    """As many as have something to do; with 6 patterns the fourth of four would only wait for the others."""
    mesh = grid(DEVICES, batch_size)
    assert mesh is not None
    assert mesh.devices.shape == shape


def test_nothing_is_spread_where_there_is_nothing_to_spread():
    assert grid(DEVICES, 1) is None
    assert grid(DEVICES[:1], 16) is None
    assert grid(None, 16) is None


@pytest.mark.variants
@pytest.mark.parametrize(
    "solver",
    [pg.Nesterov(), pg.PIE(0.1), *(pytest.param(one, marks=pytest.mark.slow) for one in (pg.PIE(), pg.ADePIE())), ADAM],
    ids=str,
)
@pytest.mark.parametrize("batch_size", [pytest.param(7, marks=pytest.mark.slow), 2])
def test_devices_agree_with_one(data, solver, batch_size):
    """The same batches: after an epoch nothing but rounding lies between them, filled up or through windows."""
    model = problems.start_model(data)
    one, four = (
        pg.reconstruct(model, data, solver, epochs=1, batch_size=batch_size, devices=devices)
        for devices in (None, DEVICES)
    )
    assert four.history.loss[0] == pytest.approx(one.history.loss[0], rel=1e-5)
    assert np.linalg.norm(four.object - one.object) < 1e-4 * np.linalg.norm(one.object)
    assert np.linalg.norm(four.probe - one.probe) < 1e-4 * np.linalg.norm(one.probe)


@pytest.mark.slow
def test_masks_of_their_own_and_sub_pixel_positions(data):
    """Every pattern with its own mask, and positions between pixels."""
    rng = np.random.default_rng(0)
    mask = rng.uniform(size=data.patterns.shape) > 0.1
    moved = data.positions + rng.uniform(-0.4, 0.4, data.positions.shape)
    varied = pg.make_dataset(data.patterns, moved - moved.min(axis=0), mask=mask, probe=data.probe)
    model = pg.far_field(varied)
    one, four = (
        pg.reconstruct(model, varied, pg.Nesterov(), epochs=1, batch_size=8, devices=devices)
        for devices in (None, DEVICES)
    )
    assert four.history.loss[0] == pytest.approx(one.history.loss[0], rel=1e-5)
    assert np.linalg.norm(four.object - one.object) < 1e-4 * np.linalg.norm(one.object)


@pytest.mark.slow
def test_hosts_with_their_own_patterns(data):
    """Two shares of two devices each, which know only half of the patterns, and one that knows all."""
    mesh = Mesh(np.array(DEVICES).reshape(2, 2), AXES)
    task = Task(problems.start_model(data), data, pg.Nesterov(), 1, 8, ("object", "probe"), pg.Amplitude())
    work, standing = prepared(task._replace(devices=tuple(DEVICES)))
    asked = Asked(1, 8, mesh, work.asked.real)
    feed = Resident(data, asked)
    assert feed.patterns.counts.addressable_shards[0].data.shape[0] == data.count // 2
    plan = feed.plan(3, 0, 1)
    used = plan.number[plan.weight > 0]
    assert sorted(used) == list(range(data.count))
    assert np.all(plan.number[:, :4] < data.count // 2)
    assert np.all(plan.number[:, 4:] >= data.count // 2)
    spread = one_epoch(everywhere(standing.member, mesh), feed.patterns, asked.on_devices(plan), mesh)
    work, standing = prepared(task)
    alone = one_epoch(standing.member, Resident(data, work.asked).patterns, plan._replace(place=plan.number))
    assert float(spread.value.loss) == pytest.approx(float(alone.value.loss), rel=1e-5)
    for one, other in zip(jax.tree.leaves(spread.variables), jax.tree.leaves(alone.variables), strict=True):
        assert np.linalg.norm(np.asarray(one) - other) < 1e-4 * np.linalg.norm(other)


def test_shares_of_unequal_size(data):
    """Three shares of 56 patterns: 18, 19 and 19."""
    mesh = Mesh(np.array(DEVICES[:3]).reshape(3, 1), AXES)
    plan = Resident(data, Asked(1, 9, mesh, np.dtype(np.float32))).plan(0, 2, 9)
    assert sorted(plan.number[plan.weight > 0]) == list(range(56))
    assert plan.place.max() == 18
    assert plan.size.sum() == 56


def test_cores_see_one_copy_of_the_patterns(data):
    feed = Resident(data, Asked(1, 8, grid(DEVICES, 8), np.dtype(np.float32)))
    places = {shard.data.unsafe_buffer_pointer() for shard in feed.patterns.counts.addressable_shards}
    assert len(places) == 1


@pytest.mark.slow
def test_crystals_are_spread_by_positions():
    data = bragg_problems.measurement()
    model = pg.bragg(data)
    one, four = (
        pg.reconstruct(model, data, pg.Nesterov(), epochs=1, batch_size=4 * data.group, devices=devices)
        for devices in (None, DEVICES)
    )
    assert four.history.loss[0] == pytest.approx(one.history.loss[0], rel=1e-5)


@pytest.mark.slow
def test_a_run_goes_on_with_other_devices(data):
    model = problems.start_model(data)
    begun = pg.reconstruct(model, data, pg.Nesterov(), epochs=2, batch_size=8, planned=3, devices=DEVICES)
    assert pg.r_factor(begun.model, data) < 1
    ended = [
        pg.reconstruct(model, data, pg.Nesterov(), epochs=1, batch_size=8, resume=begun, devices=devices)
        for devices in (None, DEVICES, DEVICES[:2])
    ]
    losses = [result.history.loss[-1] for result in ended]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-4)


@pytest.mark.slow
def test_the_same_devices_give_the_same_bytes(data):
    model = problems.start_model(data)
    runs = [
        pg.reconstruct(model, data, pg.Nesterov(), epochs=2, batch_size=8, devices=DEVICES).object.tobytes()
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
