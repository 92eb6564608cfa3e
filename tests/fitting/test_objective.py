"""Value and derivative of a batch: windows save time and change no number, halves are Wirtinger's."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from problems import complex_array
from ptychograd.core.parameters import Planes, join, named_leaves, partition, split
from ptychograd.core.windows import dense
from ptychograd.fitting.objective import Batch, Objective
from ptychograd.physics.detector import Detector
from ptychograd.physics.model import AbstractModel, Group
from ptychograd.physics.noise import Amplitude, Poisson
from ptychograd.physics.objects import SupportedObject
from ptychograd.physics.probes import Probe
from ptychograd.physics.propagators import FarField
from ptychograd.physics.ptychography import Ptychography
from ptychograd.physics.scan import make_scan

OBJECT, FRAME, MODES = (11, 15), (5, 8), 2
POSITIONS = np.array([[0.0, 0.0], [2.3, 5.8], [5.6, 6.7], [3.0, 6.45]])
REFINED = ("object", "probe", "scan.shift", "detector.background")
pytestmark = pytest.mark.usefixtures("double")


@pytest.fixture
def model():
    support = np.zeros(OBJECT, bool)
    support[1:10, 2:14] = True
    return Ptychography(
        object=SupportedObject(jnp.asarray(complex_array(*OBJECT)), jnp.asarray(support)),
        probe=Probe(jnp.asarray(complex_array(MODES, *FRAME, seed=1))),
        scan=make_scan(POSITIONS, np.float64),
        propagator=FarField(FRAME, np.complex128),
        detector=Detector(jnp.array(0.3)),
        frame_shape=FRAME,
    )


def a_batch(index=(2, 0, 3, 1), mask="2-D"):
    rng = np.random.default_rng(5)
    count = len(index)
    shape = (count, *FRAME) if mask == "3-D" else FRAME
    return Batch(
        Group(jnp.array(index)),
        jnp.asarray(rng.poisson(6.0, (count, *FRAME)), jnp.uint16),
        jnp.asarray(rng.random(shape) < 0.8),
        jnp.ones(count),
    )


@eqx.filter_jit
def evaluate(objective, parameters, batch):
    """Value, dense gradient and gradient in windows, by the package."""
    value, gradient = objective.value_and_gradient(parameters, batch)
    return value, dense(gradient.values, parameters, gradient.windows), gradient


@eqx.filter_jit
@eqx.filter_value_and_grad
def naive_pattern(parameters, objective, index, pattern, mask):
    """One pattern's misfit as one would write it down, with the whole object in it."""
    expected = eqx.combine(join(parameters), objective.rest)(index)
    return jnp.sum(jnp.where(mask, objective.noise.nll(expected, pattern), 0))


def naive(objective, parameters, batch, count=None):
    """Value and plain gradient of the first `count` patterns of a batch, one after another."""
    masks = np.broadcast_to(batch.mask, batch.patterns.shape)
    one = [
        naive_pattern(parameters, objective, batch.group.number[j], batch.patterns[j], masks[j])
        for j in range(count or len(batch.weight))
    ]
    return jax.tree.map(lambda *parts: sum(parts), *one)


def halved(gradient):
    """What belongs to parameters of two planes, over two."""
    return jax.tree.map(
        lambda leaf: Planes(leaf.real / 2, leaf.imag / 2) if isinstance(leaf, Planes) else leaf,
        gradient,
        is_leaf=lambda leaf: isinstance(leaf, Planes),
    )


def prepared(model, names=REFINED, noise=None):
    parameters, rest = partition(model, names)
    return Objective(rest, noise or Amplitude()), split(parameters)


def assert_trees_close(ours, theirs, **tolerance):
    ours, theirs = named_leaves(ours), named_leaves(theirs)
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], err_msg=name, **tolerance)


# Gradient -------------------------------------------------------------------------------------------------

masks_and_noises = pytest.mark.parametrize(
    ("mask", "noise"),
    [("2-D", Amplitude()), ("3-D", Poisson())],
    ids=["2-D mask, amplitude", "3-D mask, Poisson"],
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("index", "mask", "noise"),
    [((2,), "3-D", Amplitude()), ((2, 0, 3, 1), "2-D", Amplitude()), ((2, 0, 3, 1), "3-D", Poisson())],
    ids=["batch of 1", "batch of 4, one mask", "batch of 4, Poisson"],
)
def test_the_gradient_in_windows_made_dense_is_that_of_the_whole_object(model, index, mask, noise):
    """But for the half, which parameters of two planes have and real ones have not."""
    objective, parameters = prepared(model, noise=noise)
    batch = a_batch(index, mask)
    value, gradient, _ = evaluate(objective, parameters, batch)
    naive_value, naive_gradient = naive(objective, parameters, batch)
    assert float(value.loss) == pytest.approx(float(naive_value), rel=1e-12)
    assert_trees_close(gradient, halved(naive_gradient), rtol=1e-9, atol=1e-9)
    assert all(np.abs(leaf).max() > 1e-3 for leaf in jax.tree.leaves(gradient))


@pytest.mark.slow
def test_the_planes_of_a_gradient_are_wirtingers_derivative(model):
    """∂g/∂z* = (∂g/∂x + i ∂g/∂y)/2, from central differences; real parameters have the plain ∂g/∂x."""
    objective, parameters = prepared(model)
    batch, step = a_batch(), 1e-5
    _, gradient, _ = evaluate(objective, parameters, batch)

    def value_at(where, pixel, change):
        moved = eqx.tree_at(where, parameters, replace_fn=lambda x: x.at[pixel].add(change))
        return float(naive(objective, moved, batch)[0])

    def difference(where, pixel):
        return (value_at(where, pixel, step) - value_at(where, pixel, -step)) / (2 * step)

    for leaf, pixel in [(lambda p: p.object.transmission, (4, 9)), (lambda p: p.probe.modes, (1, 2, 3))]:
        derivative = leaf(gradient)
        slope_x = difference(lambda p, leaf=leaf: leaf(p).real, pixel)
        slope_y = difference(lambda p, leaf=leaf: leaf(p).imag, pixel)
        assert derivative.real[pixel] == pytest.approx(slope_x / 2, rel=1e-6)
        assert derivative.imag[pixel] == pytest.approx(slope_y / 2, rel=1e-6)
    for leaf, pixel in [(lambda p: p.scan.shift, (3, 1)), (lambda p: p.detector.background, ())]:
        assert leaf(gradient)[pixel] == pytest.approx(difference(leaf, pixel), rel=1e-6)


@pytest.mark.slow
def test_a_gradient_holds_one_patch_a_pattern_and_what_was_seen(model):
    batch = a_batch()
    _, _, gradient = evaluate(*prepared(model), batch)
    assert gradient.values.object.transmission.real.shape == (4, *FRAME)
    assert gradient.values.probe.modes.real.shape == (MODES, *FRAME)
    corner = np.asarray(gradient.windows["object.transmission"].corner)
    np.testing.assert_array_equal(corner, np.round(POSITIONS[batch.group.number]))
    for patch, (y, x) in zip(gradient.seen.object.transmission.imag, corner, strict=True):
        np.testing.assert_array_equal(patch, model.object.transmission.imag[y : y + FRAME[0], x : x + FRAME[1]])


def test_only_what_is_refined_has_a_derivative(model):
    _, gradient, _ = evaluate(*prepared(model, ["probe"]), a_batch())
    _, everything, _ = evaluate(*prepared(model), a_batch())
    assert list(named_leaves(gradient)) == ["probe.modes.real", "probe.modes.imag"]
    assert_trees_close(gradient.probe, everything.probe, rtol=1e-10)


# What does not count --------------------------------------------------------------------------------------


@pytest.mark.slow
@masks_and_noises
def test_padding_of_weight_zero_changes_nothing(model, mask, noise):
    objective, parameters = prepared(model, noise=noise)
    batch = a_batch(mask=mask)
    value, gradient, _ = evaluate(objective, parameters, batch._replace(weight=batch.weight.at[3].set(0)))
    naive_value, naive_gradient = naive(objective, parameters, batch, count=3)
    assert float(value.loss) == pytest.approx(float(naive_value), rel=1e-12)
    assert_trees_close(gradient, halved(naive_gradient), rtol=1e-9, atol=1e-9)


@masks_and_noises
def test_masked_pixels_never_matter(model, mask, noise):
    objective, parameters = prepared(model, noise=noise)
    batch = a_batch(mask=mask)
    valid = np.broadcast_to(batch.mask, batch.patterns.shape)
    assert 0 < np.count_nonzero(~valid) < valid.size
    garbage = batch._replace(patterns=jnp.where(valid, batch.patterns, 65_000))
    value, gradient, _ = evaluate(objective, parameters, batch)
    after = evaluate(objective, parameters, garbage)
    assert_trees_close(after[0], value, rtol=1e-13)
    assert_trees_close(after[1], gradient, rtol=1e-13)


@pytest.mark.parametrize(("mask", "at_once"), [("2-D", 1), ("2-D", 3), ("3-D", 2), ("3-D", 3), ("3-D", 7)])
def test_parts_of_a_batch_are_its_patterns_each_counted_once(mask, at_once):
    batch = a_batch((2, 0, 3, 1), mask)._replace(weight=jnp.array([1.0, 1, 0, 1]))

    def photons(batch):
        weight = batch.weight[:, None, None] * jnp.broadcast_to(batch.mask, batch.patterns.shape).astype(float)
        return jnp.sum(weight * batch.patterns.astype(float) * (1 + batch.group.number[:, None, None]).astype(float))

    def add_part(total, part):
        assert part.patterns.shape == (at_once, *FRAME)
        assert part.mask.ndim == batch.mask.ndim
        return total + photons(part), None

    total, _ = jax.jit(lambda batch: batch.over_parts(add_part, jnp.zeros(()), at_once))(batch)
    assert float(total) == float(photons(batch))


# Value ----------------------------------------------------------------------------------------------------


@pytest.mark.variants
@masks_and_noises
def test_the_residual_is_the_misfit_of_amplitudes_whatever_the_noise(model, mask, noise):
    batch = a_batch(mask=mask)
    value, _, _ = evaluate(*prepared(model, noise=noise), batch)
    expected = np.array([model(index) for index in batch.group.number])
    misfit = (np.sqrt(expected) - np.sqrt(np.asarray(batch.patterns, float))) ** 2
    assert float(value.residual) == pytest.approx(np.sum(misfit * np.asarray(batch.mask)), rel=1e-12)


def test_the_model_is_put_together_from_complex_leaves_or_their_planes(model):
    parameters, rest = partition(model, REFINED)
    objective = Objective(rest, Amplitude())
    assert eqx.tree_equal(objective.model(parameters), model)
    assert eqx.tree_equal(objective.model(split(parameters)), model)


@pytest.mark.variants
@pytest.mark.parametrize("index", [(2,), (2, 0, 3, 1)])
@pytest.mark.parametrize("surrogate", [False, True])
def test_exit_waves_of_a_batch_are_those_of_the_model_and_of_the_coarse_one(model, index, surrogate):
    objective, parameters = prepared(model)

    @eqx.filter_jit
    def exit_waves(parameters, group):
        windows = objective.windows(parameters, group)
        waves = objective.surrogate_waves if surrogate else objective.exit_waves
        return waves(objective.extracted(parameters, windows), windows, group)

    waves, one = exit_waves(parameters, Group(jnp.array(index))), model.surrogate() if surrogate else model
    np.testing.assert_allclose(waves, [one.exit_wave(jnp.array(i)) for i in index], atol=1e-13)


class Glow(AbstractModel):
    """Physics of one's own: no exit wave, no window, a pattern of one axis."""

    brightness: Array
    spread: Array

    def __call__(self, index):
        return self.brightness[index] * jnp.exp(-self.spread * jnp.arange(6.0)) + 1


@pytest.mark.slow
def test_a_model_that_declares_no_windows_is_differentiated_densely():
    objective, parameters = prepared(Glow(jnp.array([3.0, 5.0, 9.0]), jnp.array(0.4)), ["brightness", "spread"])
    group = Group(jnp.array([1, 0, 2]))
    batch = Batch(group, jnp.full((3, 6), 2), jnp.arange(6) != 3, jnp.ones(3))
    _, gradient, _ = evaluate(objective, parameters, batch)
    assert_trees_close(gradient, naive(objective, parameters, batch)[1], rtol=1e-12)


def test_a_model_without_exit_wave_says_so():
    objective, parameters = prepared(Glow(jnp.array([3.0]), jnp.array(0.4)), ["spread"])
    with pytest.raises(TypeError, match="Glow has no exit wave"):
        objective.exit_waves(parameters, {}, Group(jnp.array([0])))
