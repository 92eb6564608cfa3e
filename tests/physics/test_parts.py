"""What parts of a model say: steps that suit their parameters, rows that patterns see, what no pattern can tell.

The part is one that a user might write: a probe whose photons differ from pattern to pattern.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Complex, Float

import problems
import ptychograd as pg
from ptychograd.core.parameters import partition, split
from ptychograd.fitting.objective import Objective

NAME = "probe.brightness"


class FlickeringProbe(pg.physics.AbstractProbe):
    modes: Complex[Array, "modes y x"]
    brightness: Float[Array, "index 1"]

    def __call__(self, index):
        return self.modes * pg.core.row(self.brightness, index)[0].astype(self.modes.dtype)

    @property
    def steps(self):
        return {"brightness": 0.03}

    @property
    def per_pattern(self):
        return {"brightness": 1}

    def gauge_fixed(self):
        mean = jnp.mean(self.brightness)
        return ({"brightness": self.brightness / mean},)


def flickering(data: pg.Dataset) -> tuple[pg.Dataset, np.ndarray]:
    """The data with half of the photons in every third pattern; and the amplitudes that this makes."""
    dim = np.arange(data.count) % 3 == 0
    patterns = np.where(dim[:, None, None], data.patterns // 2, data.patterns)
    truth = np.where(dim, np.sqrt(0.5), 1.0)
    return pg.make_dataset(patterns, data.positions, probe=data.probe, truth=data.truth), truth / truth.mean()


def flickering_model(data: pg.Dataset) -> pg.Ptychography:
    model = problems.start_model(data)
    probe = FlickeringProbe(model.probe.modes, jnp.ones((data.count, 1), jnp.float32))
    return eqx.tree_at(lambda model: model.probe, model, probe)


@pytest.mark.slow
def test_rows_steps_and_gauge_of_a_part_of_ones_own_are_used():
    data, truth = flickering(problems.measurement())
    stages = (pg.Stage(15, ("object", "probe.modes")), pg.Stage(40, ("object", "probe")))
    run = pg.Run(flickering_model(data), data, pg.Nesterov(), stages, 8)
    result = pg.perform(run)
    brightness = result.arrays[NAME][:, 0]
    plain = pg.perform(run._replace(stages=(pg.Stage(55, ("object", "probe.modes")),)))
    error, ignored = (np.sqrt(np.mean((found - truth) ** 2)) for found in (brightness, 1))
    assert error < 0.3 * ignored  # what is left, the edges of the object and noise can tell as well
    assert brightness.mean() == pytest.approx(1, abs=1e-6)
    assert result.history.r_factor[-1] < 0.5 * plain.history.r_factor[-1]


@pytest.mark.slow
@pytest.mark.parametrize("index", [pytest.param([4], marks=pytest.mark.slow), [0, 4, 2]])
def test_the_gradient_of_a_row_is_that_of_the_whole_array(index):
    data, _ = flickering(problems.measurement())
    model, index = flickering_model(data), jnp.array(index)
    parameters, rest = partition(model, ["probe"])
    objective = Objective(rest, pg.Amplitude())
    group = pg.physics.Group(index)
    windows = objective.windows(split(parameters), group)
    seen = objective.extracted(split(parameters), windows)
    assert seen.probe.brightness.shape == (len(index), 1, 1)
    assert (objective.expected(seen, windows, group) == objective.expected(split(parameters), {}, group)).all()

    def loss(brightness):
        changed = eqx.tree_at(lambda model: model.probe.brightness, model, brightness)
        return sum(jnp.sum(changed(k) ** 0.5) for k in index)

    whole = jax.jit(jax.grad(loss))(model.probe.brightness)
    assert set(np.flatnonzero(np.asarray(whole))) == set(np.asarray(index).tolist())


def test_a_step_asked_for_wins_over_that_of_the_part():
    data, _ = flickering(problems.measurement())
    model = flickering_model(data)
    parameters, rest = partition(model, ["probe"])
    variables = split(parameters)
    objective = Objective(rest, pg.Amplitude(), names=(NAME, "probe.modes"))
    assert pg.Nesterov().init(objective, variables).steps[NAME] == np.float32(0.03)
    assert pg.Nesterov(steps={"probe.brightness": 0.5}).init(objective, variables).steps[NAME] == np.float32(0.5)


@pytest.mark.slow
def test_adam_takes_the_step_of_the_part_where_none_is_given():
    data, _ = flickering(problems.measurement())
    model = flickering_model(data)
    for given, step in (({}, 0.03), ({"probe": 0.7}, 0.7)):  # the first step of Adam is its step size, up or down
        solver = pg.adam({"object": 0.01, "probe.modes": 1.0} | given)
        brightness = pg.reconstruct(model, data, solver, epochs=1, batch_size=data.count).arrays[NAME]
        assert brightness.max() / brightness.min() == pytest.approx((1 + step) / (1 - step), rel=1e-4)
