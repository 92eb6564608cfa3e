"""A solver of one's own: a step that is all there is, and what is refused of it before anything is compiled."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import problems
import ptychograd as pg

STEP = 1e-5


class GradientDescent(pg.solvers.AbstractSolver):
    step_size: float

    def step(self, objective, variables, batch, state):
        value, gradient = pg.solvers.value_and_gradient(objective, variables, batch)
        return jax.tree.map(lambda leaf, slope: leaf - self.step_size * slope, variables, gradient), state, value


class Growing(GradientDescent):
    def step(self, objective, variables, batch, state):
        variables, state, value = super().step(objective, variables, batch, state)
        return jax.tree.map(lambda plane: jnp.concatenate([plane, plane]), variables), state, value


class Remembering(GradientDescent):
    """Its state is an array at first, and then two."""

    def init(self, objective, variables):
        return {"one": jnp.zeros(())}

    def step(self, objective, variables, batch, state):
        variables, _, value = super().step(objective, variables, batch, state)
        return variables, {"one": jnp.zeros(()), "other": jnp.zeros(())}, value


class Telling(GradientDescent):
    """Gives the loss alone."""

    def step(self, objective, variables, batch, state):
        variables, state, value = super().step(objective, variables, batch, state)
        return variables, state, value.loss


class Stateless(GradientDescent):
    def step(self, objective, variables, batch, state):
        return super().step(objective, variables, batch, state)[::2]


@pytest.mark.parametrize("prior", [None, pytest.param(pg.priors.Tikhonov(0.3), marks=pytest.mark.slow)])
def test_gradient_descent_in_three_lines_is_that_of_optax(data, prior):
    own, other = (
        pg.reconstruct(
            problems.start_model(data), data, solver, epochs=2, batch_size=8, priors=() if prior is None else prior
        )
        for solver in (GradientDescent(STEP), pg.Optax(optax.sgd(STEP)))
    )
    np.testing.assert_allclose(own.object, other.object, atol=1e-6)
    assert own.history.loss[-1] < own.history.loss[0]
    assert own.settings["solver"] == "GradientDescent(step_size=1e-05)"


@pytest.mark.slow
def test_it_goes_on_from_a_file_and_on_several_devices(data, tmp_path):
    model, options = problems.start_model(data), {"batch_size": 8, "planned": 3}
    whole = pg.reconstruct(model, data, GradientDescent(STEP), epochs=3, **options)
    pg.reconstruct(model, data, GradientDescent(STEP), epochs=2, **options).save(tmp_path / "begun.h5")
    begun = pg.load(tmp_path / "begun.h5")
    ended = pg.reconstruct(model, data, GradientDescent(STEP), epochs=1, resume=begun, **options)
    np.testing.assert_array_equal(ended.object, whole.object)
    spread = pg.reconstruct(model, data, GradientDescent(STEP), epochs=3, devices=jax.devices()[:2], **options)
    np.testing.assert_allclose(spread.object, whole.object, atol=1e-4)


@pytest.mark.parametrize(
    ("solver", "sentence"),
    [
        (
            Growing(STEP),
            r"A step of Growing makes float32\[106, 47\] of float32\[53, 47\] in .*object.transmission.real;",
        ),
        (Remembering(STEP), r"A step of Remembering adds or loses .*other; expected parameters and state as they were"),
        (Telling(STEP), r"A step of Telling gives a .* as the value of the objective; expected the one that"),
        (Stateless(STEP), r"A step of Stateless gives .*; expected three things: variables, state, and the value"),
    ],
    ids=["growing", "remembering", "telling", "stateless"],
)
def test_a_step_that_is_none_is_refused_before_anything_is_compiled(data, solver, sentence):
    with pytest.raises(pg.InputError, match=sentence):
        pg.reconstruct(problems.start_model(data), data, solver, epochs=1, batch_size=8)
