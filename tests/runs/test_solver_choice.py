"""A stage that chooses its solver when it begins, by how the run has gone so far."""

import equinox as eqx
import jax.numpy as jnp
import pytest

import problems
import ptychograd as pg
from ptychograd.fitting.result import History
from ptychograd.output.captions import solver_line
from ptychograd.runs import QuasiNewtonNearNoise
from ptychograd.runs.memory_plan import STATE, memory_plan
from ptychograd.runs.run import possible_tasks

PATHS = ("object", "probe")


def after(chi_squared):
    return History((1.0,), (0.1,), (chi_squared,), (0.1,))


@pytest.mark.parametrize(("chi_squared", "is_taken"), [(0.9, True), (1.15, True), (1.5, False), (float("nan"), False)])
def test_l_bfgs_is_taken_near_the_noise(data, model, chi_squared, is_taken):
    chosen = QuasiNewtonNearNoise().chosen(model, PATHS, data, after(chi_squared))
    assert isinstance(chosen, pg.LBFGS) == is_taken
    assert chosen is None or chosen.suited_batch_size(data) == data.count


def test_not_before_an_epoch_and_not_with_parameters_that_bring_no_step(data, model):
    rule = QuasiNewtonNearNoise()
    assert rule.chosen(model, PATHS, data, History.empty()) is None
    placed = pg.models.with_refinable_positions(model)
    assert rule.chosen(placed, (*PATHS, "scan"), data, after(1.0)) is None
    assert rule.chosen(placed, PATHS, data, after(1.0)) is not None


def test_not_in_a_near_field(data, model):
    """Whose misfit is local, where the growing memory of the run's own solver gets farther."""
    propagator = pg.physics.AngularSpectrum(data.frame_shape, (1e-7, 1e-7), wavelength=1e-10, distance=1e-5)
    near = eqx.tree_at(lambda one: one.propagator, model, propagator)
    assert near.is_local
    assert QuasiNewtonNearNoise().chosen(near, PATHS, data, after(1.0)) is None


def test_not_where_the_minimum_would_be_a_fit_of_noise():
    faint = problems.measurement(photons=30.0)
    assert QuasiNewtonNearNoise().chosen(problems.start_model(faint), PATHS, faint, after(1.0)) is None


class AfterTwo(pg.runs.AbstractSolverChoice):
    """L-BFGS after two epochs."""

    def chosen(self, model, trainable, data, history):
        return pg.LBFGS() if history.epochs == 2 else None


@pytest.mark.slow
def test_a_run_goes_on_within_a_stage_with_the_solver_that_was_chosen_when_it_began(data, model, tmp_path):
    run = pg.Run(model, data, pg.Nesterov(), (pg.Stage(2), pg.Stage(4, solver=AfterTwo())))
    whole, halfway = pg.perform(run), []

    def on_epoch(progress):
        if progress.epoch == 4:
            halfway.append(progress.so_far())
            raise KeyboardInterrupt

    cut = pg.perform(run, on_epoch)
    assert cut.settings["solver"] == whole.settings["solver"] == pg.LBFGS().description
    assert whole.settings["batch_size"] == data.count
    assert whole.settings["solver_changes"] == [{"after_epoch": 2, "solver": pg.LBFGS().description}]
    assert solver_line(whole) == "L-BFGS took over after epoch 2"
    cut.save(tmp_path / "cut.h5")
    again = pg.perform(run, resume=pg.load(tmp_path / "cut.h5"))
    assert again.object.tobytes() == whole.object.tobytes()
    assert again.history.loss == whole.history.loss
    assert cut.settings["solver_changes"] == again.settings["solver_changes"] == whole.settings["solver_changes"]


def test_where_nothing_is_chosen_a_stage_goes_on_as_if_it_were_one(data, model):
    class Never(pg.runs.AbstractSolverChoice):
        def chosen(self, model, trainable, data, history):
            return None

    one = pg.perform(pg.Run(model, data, pg.Nesterov(), (pg.Stage(5),)))
    two = pg.perform(pg.Run(model, data, pg.Nesterov(), (pg.Stage(2), pg.Stage(3, solver=Never()))))
    assert two.object.tobytes() == one.object.tobytes()
    assert two.history.loss == one.history.loss
    assert solver_line(two) == ""


@pytest.mark.slow
def test_memory_is_planned_for_the_solver_that_may_be_chosen(data, model):
    """Its ten pairs of steps are arrays as large as the parameters, which the run's own solver does without."""

    def state(*stages):
        return memory_plan(possible_tasks(pg.Run(model, data, pg.Nesterov(), stages, 8))).host.parts[STATE]

    parameters = model.object.transmission.nbytes + model.probe.modes.nbytes
    plain, said = state(pg.Stage(4)), state(pg.Stage(2), pg.Stage(2, solver=pg.LBFGS()))
    assert state(pg.Stage(2), pg.Stage(2, solver=QuasiNewtonNearNoise())) == said > plain + 20 * parameters


def test_memory_is_not_planned_for_what_can_not_be_chosen(data, model):
    rule = QuasiNewtonNearNoise()
    assert [type(one) for one in rule.candidates(model, PATHS, data)] == [pg.LBFGS]
    assert rule.candidates(pg.models.with_refinable_positions(model), (*PATHS, "scan"), data) == ()
    faint = problems.measurement(photons=30.0)
    assert rule.candidates(problems.start_model(faint), PATHS, faint) == ()


def test_a_choice_that_is_none_is_refused(data, model):
    run = pg.Run(model, data, pg.Nesterov(), (pg.Stage(1, solver="l-bfgs"),))  # pyright: ignore[reportArgumentType]
    with pytest.raises(pg.InputError, match="solver"):
        pg.perform(run)


def test_models_of_ones_own_without_an_exit_wave_keep_their_solver(data):
    class Own(pg.AbstractModel):
        wave: object = eqx.field()

        def __call__(self, index):
            return abs(self.wave) ** 2

    own = Own(jnp.ones(data.frame_shape, complex))
    assert QuasiNewtonNearNoise().chosen(own, ("wave",), data, after(1.0)) is None
