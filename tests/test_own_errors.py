"""What goes wrong in code of one's own during a run: who made NaN, what can't be refined, where an error was raised."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.core.own_errors import CalledFrom
from ptychograd.core.parameters import replace_parameter


@pytest.fixture(scope="module")
def scan():
    data = problems.measurement()
    return problems.start_model(data), data


class Descent(pg.solvers.AbstractSolver):
    """Steps that are not finite from the second epoch on."""

    step_size: float = 1e-6

    def init(self, objective, variables):
        return jnp.zeros((), jnp.int32)

    def step(self, objective, variables, batch, state):
        value, gradient = pg.solvers.value_and_gradient(objective, variables, batch)
        late = jnp.where(state < 2, 1.0, jnp.nan)
        moved = jax.tree.map(
            lambda leaf, slope: leaf - (self.step_size * late).astype(leaf.dtype) * slope, variables, gradient
        )
        return moved, state + 1, value


class Logarithm(pg.constraints.AbstractConstraint):
    """Not finite where it starts."""

    def __call__(self, array):
        return array * jnp.log(jnp.zeros_like(array.real)).astype(array.dtype)


class Turned(pg.refinement.AbstractStageAction):
    """What is done to the model is given."""

    change: object

    def __call__(self, model, start, fit):
        return pg.refinement.Changed(self.change(model), "turned")


def with_object(factor):
    def change(model):
        return replace_parameter(model, "object.transmission", model.object.transmission * factor)

    return change


def run_of(scan, *actions, epochs=1, **asked):
    model, data = scan
    stages = (pg.Stage(1), pg.Stage(epochs, first=actions))
    return pg.Run(model, data, pg.adam(0.01), stages, batch_size=28, **asked)


@pytest.mark.slow
def test_steps_of_ones_own_that_are_not_finite_are_named(scan):
    model, data = scan
    with pytest.raises(
        pg.fitting.NonFiniteError, match=r"in epoch 2; look first at the solver Descent of your own, th"
    ):
        pg.reconstruct(model, data, Descent(), epochs=3, batch_size=28)


def test_steps_of_the_package_are_too_long(scan):
    model, data = scan
    with pytest.raises(pg.fitting.NonFiniteError, match=r"in epoch 1; take smaller steps or look for outliers"):
        pg.reconstruct(model, data, pg.Optax(np_nan()), epochs=1, batch_size=28)


def np_nan():
    import optax

    return optax.sgd(float("nan"))


def test_a_constraint_that_is_not_finite_where_it_starts_is_named(scan):
    model, data = scan
    with pytest.raises(pg.InputError, match=r'constraint Logarithm on "object.transmission" makes NaN or infinity'):
        pg.reconstruct(model, data, pg.adam(0.01), epochs=1, batch_size=28, constraints={"object": Logarithm()})


@pytest.mark.slow
def test_a_stage_action_that_leaves_nan_is_named(scan):
    said = r"stage action Turned leaves NaN or infinity in object.transmission before epoch 2"
    with pytest.raises(pg.fitting.NonFiniteError, match=said) as found:
        pg.perform(run_of(scan, Turned(with_object(np.complex64(np.nan)))))
    assert found.value.result.history.epochs == 1
    assert found.value.result.stopped == "not finite"
    assert np.isfinite(found.value.result.object).all()


def test_an_error_in_a_stage_action_passes_with_a_note(scan):
    with pytest.raises(ZeroDivisionError) as found:
        pg.perform(run_of(scan, Turned(lambda model: 1 // 0)))
    assert found.value.__notes__ == ["It was raised in Turned, as a stage action before epoch 2."]


@pytest.mark.parametrize("argument", ["on_epoch", "until", "monitor"])
def test_an_error_in_what_is_called_after_an_epoch_passes_with_a_note(scan, argument):
    model, data = scan

    def looked(*told):
        raise KeyError("colour")

    with pytest.raises(KeyError) as found:
        pg.reconstruct(model, data, pg.adam(0.01), epochs=1, batch_size=28, **{argument: looked})
    assert found.value.__notes__ == [f"It was raised in looked, as `{argument}` after epoch 1."]


@pytest.mark.parametrize("called", [{}.pop, functools.partial({}.pop)])
def test_an_error_in_a_method_of_a_built_in_object_passes_too(called):
    with pytest.raises(KeyError) as found, CalledFrom(called, "here"):
        called("colour")
    assert found.value.__notes__ == ["It was raised in dict.pop, here."]


def test_a_run_notes_it_once(scan):
    class Drawing(pg.fitting.AbstractCallback):
        def __call__(self, progress):
            raise AttributeError("no axes")

    with pytest.raises(AttributeError) as found:
        pg.perform(run_of(scan), on_epoch=Drawing())
    assert found.value.__notes__ == ["It was raised in Drawing, as `on_epoch` after epoch 1."]


def test_errors_of_the_package_have_no_note(scan):
    run = run_of(scan, pg.refinement.ShrinkWrap())
    with pytest.raises(pg.InputError) as found:
        pg.perform(run)
    assert not hasattr(found.value, "__notes__")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("scan.corner", r'"scan.corner" holds whole numbers \(int32\) and can\'t be refined; this model\'s parameters'),
        ("propagator.ramp", r'"propagator.ramp" is an array of NumPy\'s, so a constant, and can\'t be refined'),
        ("object.support", r'"object.support" holds True and False and can\'t be refined'),
        ("scan.corners", r'Unknown parameter "scan.corners"'),
    ],
)
def test_arrays_that_cannot_be_refined_say_why(scan, name, said):
    model, data = scan
    model = pg.models.with_support(model, np.pad(np.ones((40, 40), bool), ((6, 7), (3, 4))))
    with pytest.raises(pg.InputError, match=said):
        pg.reconstruct(model, data, pg.adam(0.01), epochs=1, batch_size=28, trainable=(name,))
