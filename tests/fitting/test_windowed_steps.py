"""Steps through windows are the steps on whole arrays, at a cost that does not know how large the object is."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import near_problems
import problems
import ptychograd as pg
from ptychograd.core.parameters import Planes
from ptychograd.core.windows import Window, overlapped
from ptychograd.fitting.epoch import Resident
from ptychograd.fitting.objective import Batch
from ptychograd.fitting.reconstruction import Task, prepared
from ptychograd.fitting.solvers import base, views
from ptychograd.fitting.solvers.moving import Coasting, Whole

BOTH = ("object", "probe")
SOLVERS = {
    "Nesterov": pg.Nesterov(),
    "Nesterov without memory": pg.Nesterov(momentum=0.0),
    "Nesterov, momentum 0.95": pg.Nesterov(momentum=0.95, step_size=0.2),
    "ePIE": pg.PIE(),
    "rPIE": pg.PIE(0.2),
    "AD-ePIE": pg.ADePIE(),
}


@pytest.fixture
def ways(monkeypatch):
    """Runs a function with whole arrays, and with windows wherever there are some."""

    def both(function):
        results = []
        for times in (1e9, 0.0):
            jax.clear_caches()
            monkeypatch.setattr(base, "WORTH", times)
            results.append(function())
        return results

    yield both
    jax.clear_caches()


def moved_by_sub_pixels(data):
    """The same patterns with positions between the pixels: what they show is wrong, and steps are steps."""
    shift = np.random.default_rng(2).uniform(-0.4, 0.4, data.positions.shape)
    positions = np.clip(data.positions + shift, 0, np.array(problems.OBJECT) - problems.FRAME)
    return pg.make_dataset(data.patterns, positions, probe=data.truth.probe)


def assert_alike(one, other, tolerance):
    for name in ("object", "probe"):
        a, b = (np.asarray(getattr(result, name)) for result in (one, other))
        assert np.linalg.norm(a - b) <= tolerance * np.linalg.norm(a), name
    np.testing.assert_allclose(one.history.loss, other.history.loss, rtol=10 * tolerance)
    assert set(one.state) == set(other.state)
    for name, leaf in one.state.items():
        scale = max(np.linalg.norm(leaf), 1e-3)
        assert np.linalg.norm(leaf - other.state[name]) <= 1e3 * tolerance * scale, name


@pytest.mark.slow
@pytest.mark.variants
@pytest.mark.parametrize(
    ("name", "trainable"),
    [("Nesterov", BOTH), ("ePIE", BOTH), pytest.param("Nesterov", ("object",), marks=pytest.mark.slow)]
    + [pytest.param(name, BOTH, marks=pytest.mark.slow) for name in SOLVERS if name not in ("Nesterov", "ePIE")],
)
def test_windows_change_no_step(name, trainable, ways):
    """Three epochs, complex128, two modes; batches of eight, some of which are filled up."""
    with jax.enable_x64(True):
        data = problems.measurement()
        model = problems.start_model(data, modes=2, dtype=np.complex128)
        options = {"epochs": 3, "batch_size": 8, "trainable": trainable}
        one, other = ways(lambda: pg.reconstruct(model, data, SOLVERS[name], **options))
    assert_alike(one, other, 1e-10)


@pytest.mark.variants
@pytest.mark.parametrize("name", [pytest.param("Nesterov", marks=pytest.mark.slow), "rPIE"])
def test_windows_change_no_step_in_single_precision(name, ways):
    data = problems.measurement()
    model = problems.start_model(data)
    one, other = ways(lambda: pg.reconstruct(model, data, SOLVERS[name], epochs=1, batch_size=5))
    assert_alike(one, other, 2e-5)


@pytest.mark.variants
@pytest.mark.parametrize("name", [pytest.param("Nesterov", marks=pytest.mark.slow), "rPIE"])
def test_positions_between_the_pixels(name, ways):
    with jax.enable_x64(True):
        data = moved_by_sub_pixels(problems.measurement())
        model = problems.start_model(data, dtype=np.complex128)
        one, other = ways(lambda: pg.reconstruct(model, data, SOLVERS[name], epochs=2, batch_size=5))
    assert_alike(one, other, 1e-10)


@pytest.mark.slow
def test_one_pattern_a_batch_and_several_at_once(ways, monkeypatch):
    """Nesterov's batch of one; and parts of three patterns, as on another device, with a ragged last one."""
    with jax.enable_x64(True):
        data = problems.measurement()
        model = problems.start_model(data, dtype=np.complex128)
        for at_once, batch_size in ((1, 1), (3, 8)):
            monkeypatch.setattr("ptychograd.fitting.reconstruction.task.patterns_at_once", lambda *_, k=at_once: k)
            one, other = ways(
                lambda size=batch_size: pg.reconstruct(model, data, pg.Nesterov(), epochs=2, batch_size=size)
            )
            assert_alike(one, other, 1e-10)


@pytest.mark.slow
def test_going_on_is_bit_identical(ways):
    """Nothing that is carried through an epoch is missed after it."""
    data = problems.measurement()
    model = problems.start_model(data)

    def ends():
        whole = pg.reconstruct(model, data, pg.Nesterov(), epochs=3, batch_size=8, planned=3)
        half = pg.reconstruct(model, data, pg.Nesterov(), epochs=1, batch_size=8, planned=3)
        rest = pg.reconstruct(half.model, data, pg.Nesterov(), epochs=2, batch_size=8, planned=3, resume=half)
        return whole.object.tobytes() == rest.object.tobytes() and whole.probe.tobytes() == rest.probe.tobytes()

    assert ways(ends) == [True, True]


@pytest.mark.variants
@pytest.mark.parametrize("momentum", [0.0, 0.8, 0.995])
def test_coasting_is_what_stepping_without_a_gradient_does(momentum):
    """Pixels outside of every window against the recursion v' = m v, x' = x + v', one step after another."""
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        x, v = rng.normal(size=(2, 2, 7, 9))
        planes = [Planes(*jnp.asarray(pair)) for pair in (x, v)]
        m, window = jnp.asarray(momentum), Window(jnp.array([[1, 2], [2, 3]]), (3, 4))
        none = Planes(*jnp.zeros((2, 2, 3, 4)))
        coasting, whole = Coasting.of(*planes, m), Whole(*planes)
        zero = Planes(*jnp.zeros((2, 7, 9)))

        def scale(diagonal, largest):
            return -1 / (diagonal + largest)

        @jax.jit
        def step(coasting, whole):
            one = coasting.moved(m, scale, none, jnp.ones((2, 3, 4)), window)
            return one.times(1.01), whole.moved(m, scale, zero, jnp.ones((7, 9)), None).times(1.01)

        for _ in range(40):
            coasting, whole = step(coasting, whole)
        for one, other in zip(jax.tree.leaves(coasting.end(m)), jax.tree.leaves(whole.end(m)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)
        assert not np.any(coasting.desk)


def test_overlaps_add_up_and_the_desk_is_left_clean():
    patches = jnp.asarray(np.random.default_rng(0).normal(size=(4, 2, 3, 4)), jnp.float32)
    corners = np.array([[0, 0], [1, 2], [1, 2], [4, 5]])
    sums, desk = overlapped(jnp.zeros((2, 8, 9)), patches, Window(jnp.asarray(corners), (3, 4)))
    total = np.zeros((2, 8, 9))
    for patch, (y, x) in zip(patches, corners, strict=True):
        total[:, y : y + 3, x : x + 4] += patch
    for found, (y, x) in zip(sums, corners, strict=True):
        np.testing.assert_allclose(found, total[:, y : y + 3, x : x + 4], rtol=1e-5)
    assert not np.any(desk)


@pytest.mark.slow
def test_objects_that_a_batch_sees_much_of_stay_whole():
    """By sizes alone; and what is kept between epochs is the same either way."""
    data = problems.measurement()
    task = Task(problems.start_model(data), data, pg.Nesterov(), 1, 8, BOTH, pg.Amplitude())
    member = prepared(task)[1].member
    assert isinstance(views.best_view(member.objective, member.variables, 8), views.WholeView)
    view = views.best_view(member.objective, member.variables, 1)
    assert isinstance(view, views.WindowView)
    moving = view.moving(member.state.velocity, jnp.float32(0.8))
    assert isinstance(moving["object.transmission"], Coasting)
    assert isinstance(moving["probe.modes"], Whole)
    epoch_steps = member.solver.epoch_steps(member.objective, member.variables, member.state, 1)
    assert jax.tree.structure(epoch_steps.end(epoch_steps.carried)[1]) == jax.tree.structure(member.state)


def test_near_fields_stay_whole():
    data = near_problems.measurement()
    member = prepared(Task(pg.near_field(data), data, pg.Nesterov(), 1, 1, BOTH, pg.Amplitude()))[1].member
    assert isinstance(views.best_view(member.objective, member.variables, 1), views.WholeView)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Nesterov", "rPIE"])
def test_no_step_copies_the_object(name):
    """A step takes and touches as much memory on an object of four times as many pixels, which it changes in place."""
    data = problems.measurement()
    found = []
    for far in ((400, 300), (800, 600)):
        positions = np.concatenate([np.array([[0, 0], far]) + data.positions[:2], data.positions[2:]])
        wide = pg.make_dataset(data.patterns, positions, probe=data.truth.probe)
        step = compiled_step(Task(problems.start_model(wide), wide, SOLVERS[name], 1, 5, BOTH, pg.Amplitude()))
        found.append((step.memory_analysis().temp_size_in_bytes, step.cost_analysis()["bytes accessed"]))
    assert found[0] == found[1]


def compiled_step(task):
    """One step of an epoch as a program that may overwrite what it carries from step to step."""
    work, standing = prepared(task)
    member, feed = standing.member, Resident(task.data, work.asked)
    row = jax.tree.map(lambda array: array[0], feed.plan(0, 0, 1))
    counts, mask = feed.patterns
    batch = Batch(pg.physics.Group(jnp.asarray(row.number)), counts[row.place], mask, row.weight, row.cool, row.size)
    steps = member.solver.epoch_steps(member.objective, member.variables, member.state, task.batch_size)
    arrays, static = eqx.partition(steps.carried, eqx.is_array)

    def step(arrays, batch):
        carried, value = steps.step(eqx.combine(arrays, static), batch)
        return eqx.filter(carried, eqx.is_array), value

    return jax.jit(step, donate_argnums=0).lower(arrays, batch).compile()
