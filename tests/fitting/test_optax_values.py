"""Update rules of optax that ask for the value of the objective, beside loops over them that are written here."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ptychograd as pg

SEARCH = optax.chain(optax.sgd(1e-4), optax.scale_by_backtracking_linesearch(12, store_grad=True))
RULES = {"polyak": optax.polyak_sgd(max_learning_rate=1.0), "lbfgs": optax.lbfgs(), "line search": SEARCH}
EPOCHS = 3


def fitted(model, data, rule, epochs=EPOCHS, **options):
    options = {"batch_size": data.count, "trainable": ("object",)} | options
    return pg.reconstruct(model, data, pg.Optax(rule), epochs=epochs, **options)


def loss_of(model, data):
    """Σ(√h - √y)² over all patterns, of the planes of an object, written once more."""
    probe, corners = model.probe.modes[0], np.asarray(model.scan.corner)
    rows, columns = (corners[:, [axis]] + np.arange(probe.shape[axis]) for axis in (0, 1))
    measured = jnp.sqrt(jnp.asarray(np.fft.ifftshift(data.patterns, axes=(1, 2)), jnp.float32))

    def loss(planes):
        windows = jax.lax.complex(*planes)[rows[:, :, None], columns[:, None]]
        return jnp.sum((jnp.abs(jnp.fft.fft2(probe[None] * windows, norm="ortho")) - measured) ** 2)

    return jax.jit(loss)


def by_hand(model, data, rule):
    """Losses before each update, and the object after the last."""
    loss, planes = loss_of(model, data), (model.object.transmission.real, model.object.transmission.imag)

    @jax.jit
    def update(value, gradient, state, planes):
        return rule.update(gradient, state, planes, value=value, grad=gradient, value_fn=loss)

    losses = []
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        state = rule.init(planes)
        for _ in range(EPOCHS):
            value, gradient = jax.value_and_grad(loss)(planes)
            losses.append(float(value))
            updates, state = update(value, gradient, state, planes)
            planes = optax.apply_updates(planes, updates)
    return losses, np.asarray(planes[0]) + 1j * np.asarray(planes[1])


@pytest.mark.variants
@pytest.mark.parametrize("name", RULES)
def test_it_is_the_loop_that_its_pages_show(data, model, name):
    """Value, gradient and the function itself as optax asks for them, without a step of our own."""
    result = fitted(model, data, RULES[name])
    losses, object = by_hand(model, data, RULES[name])
    assert losses[-1] < 0.9 * losses[0]
    np.testing.assert_allclose(result.history.loss, losses, rtol=2e-3)
    assert np.linalg.norm(result.object - object) < 5e-3 * np.linalg.norm(object)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["polyak", "lbfgs"])
def test_devices_and_priors(data, model, name):
    """Each device has a part of the batch, and all of them the value of the whole with its prior."""
    options = {"priors": pg.priors.Tikhonov(0.2, path="object.transmission"), "trainable": ("object", "probe")}
    one, two = (
        fitted(model, data, RULES[name], 2, devices=devices, **options) for devices in (None, jax.devices()[:2])
    )
    np.testing.assert_allclose(two.history.loss, one.history.loss, rtol=1e-3)
    plain = fitted(model, data, RULES[name], 2, trainable=("object", "probe"))
    assert one.history.loss[0] > plain.history.loss[0]


@pytest.mark.slow
def test_minibatches_do_as_well_as_the_rule_does(data, model):
    result = fitted(model, data, optax.polyak_sgd(max_learning_rate=1.0), 10, batch_size=7)
    assert result.history.loss[-1] < 0.5 * result.history.loss[0]


def test_steps_of_another_size_are_refused(data, model):
    with pytest.raises(pg.InputError, match=r"asks for the value of the objective.* leave `steps` out"):
        pg.reconstruct(model, data, pg.Optax(optax.lbfgs(), {"object": 0.1, "probe": 1.0}), epochs=1, batch_size=56)


def test_what_asks_for_more_is_refused_in_a_sentence(data, model):
    def update(updates, state, params=None, *, hessian, **extra):
        return updates, state

    rule = optax.GradientTransformationExtraArgs(lambda params: (), update)
    with pytest.raises(pg.InputError, match=r"needs more than value and gradient of a batch .*'hessian'"):
        fitted(model, data, rule, 1)
