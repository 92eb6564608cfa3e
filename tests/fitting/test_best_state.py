"""A run ends no worse than its best state, keeps the scale that nothing fixes, and goes on bit for bit all the same."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.core.parameters import named_parameters, replace_parameters
from ptychograd.fitting.reconstruction.best import RISE
from ptychograd.fitting.solvers import AbstractSolver


class Leaving(AbstractSolver):
    """rPIE whose steps grow without end: it finds something, and leaves it again."""

    inner: pg.PIE = pg.PIE(alpha=0.2)
    growth: float = eqx.field(static=True, default=1.03)

    @property
    def description(self):
        return "leaving"

    def variables(self, parameters):
        return self.inner.variables(parameters)

    def init(self, objective, variables):
        self.inner.init(objective, variables)
        return {"size": jnp.asarray(0.7, jnp.float32)}

    def step(self, objective, variables, batch, state):
        moved, _, value = self.inner.step(objective, variables, batch, ())
        old, new = named_parameters(variables), named_parameters(moved)
        further = {name: old[name] + state["size"].astype(old[name].dtype) * (new[name] - old[name]) for name in old}
        return replace_parameters(variables, further), {"size": state["size"] * self.growth}, value


@pytest.fixture(scope="module")
def data():
    return pg.data.subset(problems.measurement(), np.arange(0, 56, 2))


def run_of(data, epochs=14, **changes):
    stages = (pg.Stage(2, ("object",)), pg.Stage(epochs))
    return pg.Run(problems.start_model(data), data, Leaving(), stages, 7)._replace(**changes)


def loss_of(data, arrays, model):
    there = pg.Result(arrays, {}, pg.fitting.History.empty(), {}).onto(model)
    return pg.r_factor(there, data)


@pytest.mark.slow
def test_a_run_whose_loss_rises_ends_with_its_best_state(data):
    run = run_of(data)
    seen = {}
    result = pg.perform(run, lambda progress: seen.setdefault(progress.epoch, progress.loss))
    losses = result.history.loss
    best = 3 + int(np.argmin(losses[2:]))
    assert losses[-1] > 2 * min(losses[2:])
    assert result.settings["loss_rose"]["after_epoch"] == best
    shorter = pg.perform(run_of(data, best - 2))
    assert "loss_rose" not in shorter.settings
    for name in ("object.transmission", "probe.modes"):
        np.testing.assert_array_equal(result.arrays[name], shorter.arrays[name])
    assert result.state["size"] == shorter.state["size"]
    assert result.history.epochs == 16
    assert result.epochs_of_state == best
    assert result.r_factor == shorter.r_factor == result.history.r_factor[best - 1]
    assert repr(result).startswith(f"Result(16 epochs, R = {result.r_factor:.4g} after {best}, whose state is kept, as")
    assert repr(shorter).startswith(f"Result({best} epochs, R = {result.r_factor:.4g}; ")


@pytest.mark.slow
@pytest.mark.variants
@pytest.mark.parametrize("stop", [4, 9, 13])
def test_it_goes_on_bit_for_bit_from_wherever_it_was_cut(data, tmp_path, stop):
    """Before the best epoch, where another is the best, and where the loss has risen; through a file."""
    whole = pg.perform(run_of(data))

    def interrupt(progress):
        if progress.epoch == stop:
            raise KeyboardInterrupt

    part = pg.perform(run_of(data), interrupt)
    assert part.stopped == "interrupted"
    part.save(tmp_path / "part.h5")
    result = pg.perform(run_of(data), resume=pg.load(tmp_path / "part.h5"))
    assert result.history.loss == whole.history.loss
    assert result.settings["loss_rose"] == whole.settings["loss_rose"]
    for name, array in whole.arrays.items():
        assert array.tobytes() == result.arrays[name].tobytes()
    assert result.state.keys() == whole.state.keys()
    assert all(np.array_equal(result.state[name], whole.state[name]) for name in whole.state)


@pytest.mark.slow
def test_what_is_shown_of_a_run_that_was_cut_is_its_best_state(data):
    """Its file is of use as it is; where the run stood is beside it."""

    def interrupt(progress):
        if progress.epoch == 15:
            raise KeyboardInterrupt

    part, best = pg.perform(run_of(data), interrupt), pg.perform(run_of(data))
    np.testing.assert_array_equal(part.object, best.object)
    assert any(name.startswith("other/parameter/") for name in part.state)


def test_a_scatter_of_the_loss_is_no_rise(data):
    """The last state stays where its loss is above the lowest by less than minibatches scatter."""
    model = problems.start_model(data)
    result = pg.reconstruct(model, data, pg.PIE(), epochs=30, batch_size=1)
    assert result.history.loss[-1] < (1 + RISE) * min(result.history.loss)
    assert "loss_rose" not in result.settings


@pytest.mark.variants
@pytest.mark.parametrize(
    "solver", [pg.PIE(), pg.PIE(alpha=0.1), pg.ADePIE(), pg.Nesterov()], ids=lambda s: s.description
)
@pytest.mark.parametrize("factor", [0.2, 6.0])
def test_the_probe_keeps_the_power_of_its_start(data, solver, factor):
    """From an object of a wrong magnitude, which is compensated by one of both; patterns tell their product only."""
    model = problems.start_model(data)
    before = float(np.sum(np.abs(np.asarray(model.probe.modes)) ** 2))
    model = eqx.tree_at(lambda m: m.object.transmission, model, factor * model.object.transmission)
    result = pg.reconstruct(model, data, solver, epochs=25, batch_size=4)
    after = float(np.sum(np.abs(result.probe) ** 2))
    assert 1 / 1.5**2 <= after / before <= 1.5**2
    assert result.history.r_factor[-1] < 0.5


@pytest.mark.slow
def test_scaling_back_changes_no_pattern(data):
    from ptychograd.core.parameters import partition
    from ptychograd.fitting.objective import Objective, power_of_probe

    model = problems.start_model(data, modes=2)
    strong = eqx.tree_at(
        lambda m: (m.object.transmission, m.probe.modes),
        model,
        (model.object.transmission / 40, model.probe.modes * 40),
    )
    parameters, rest = partition(strong, ("object", "probe"))
    objective = Objective(rest, pg.Amplitude(), power=power_of_probe(model))
    back = objective.model(objective.scaled_back(parameters))
    np.testing.assert_allclose(back.probe.modes, model.probe.modes, rtol=1e-5)
    np.testing.assert_allclose(back(jnp.asarray(3)), strong(jnp.asarray(3)), rtol=1e-4, atol=1e-6)
    held, rest = partition(strong, ("object",))
    alone = Objective(rest, pg.Amplitude(), power=power_of_probe(model))
    assert eqx.tree_equal(alone.scaled_back(held), held)
