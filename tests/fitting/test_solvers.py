"""Every solver on the same problem, and AD against the closed form."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import problems
import ptychograd as pg
from ptychograd.core.parameters import join, named_parameters, partition, replace_parameter
from ptychograd.fitting.objective import Batch, Objective
from ptychograd.fitting.solvers.closed_form import ClosedForm
from ptychograd.fitting.solvers.derivatives import Automatic, batch_sums
from ptychograd.paper.far_field import FarFieldExperiment

STEPS = {"object": 0.02, "probe": 1.0}
NAMES = ("object.transmission", "probe.modes")
SOLVERS = {
    "ePIE": (pg.PIE(), 1, 100),
    "rPIE": (pg.PIE(alpha=0.2), 6, 50),
    "ePIE in minibatches": (pg.PIE(), 5, 100),
    "AD-ePIE": (pg.ADePIE(), 1, 100),
    "AD-ePIE in minibatches": (pg.ADePIE(), 5, 100),
    "Nesterov": (pg.Nesterov(), 8, 20),
    "Adam": (pg.adam(STEPS), 4, 30),
    "Nadam": (pg.Optax(optax.nadam(1.0), STEPS), 4, 30),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SOLVERS)
def test_solver_reaches_the_noise(name, data):
    """From a random object and a flat-phased probe to less than twice the R-factor of the truth itself."""
    solver, batch_size, epochs = SOLVERS[name]
    result = pg.reconstruct(problems.start_model(data), data, solver, epochs=epochs, batch_size=batch_size)
    noise = residual_of_truth(data)
    assert result.history.r_factor[0] > 5 * noise
    assert result.history.r_factor[-1] < 2 * noise


def residual_of_truth(data):
    """R-factor of the very parameters that the data were made from."""
    model = pg.far_field(data, object=lambda _: data.truth.object)
    model = eqx.tree_at(lambda m: m.probe.modes, model, jnp.asarray(data.truth.probe, jnp.complex64))
    still = pg.reconstruct(model, data, pg.adam(0.0), epochs=1, batch_size=5)
    return still.history.r_factor[-1]


@pytest.mark.variants
@pytest.mark.parametrize(("double", "tolerance"), [pytest.param(False, 1e-6, marks=pytest.mark.slow), (True, 1e-13)])
def test_ad_update_is_the_closed_form_update(double, tolerance):
    """Both take the derivatives and the diagonals at the same iterate, for all 484 minibatches of 8 epochs.

    The largest difference relative to the update itself, over 3,872 updates of the paper's experiment.
    """
    with jax.enable_x64(double):
        worst = _teacher_forced(np.complex128 if double else np.complex64, epochs=8)
    assert 0 < worst < tolerance


def _teacher_forced(dtype, epochs):
    data = FarFieldExperiment().dataset()
    model = pg.far_field(data, object=pg.models.random_object(0), dtype=dtype)
    parameters, rest = partition(model, ("object", "probe"))
    objective = Objective(rest, pg.Amplitude())
    patterns, automatic = jnp.asarray(data.patterns), Automatic()

    @eqx.filter_jit
    def epoch(parameters, objective, patterns, order):
        def step(parameters, index):
            weight = jnp.ones((1,), parameters.object.transmission.real.dtype)
            batch = Batch(
                pg.physics.Group(index[None]), patterns[index][None], jnp.ones(data.frame_shape, bool), weight
            )
            by_hand = batch_sums(ClosedForm(), objective, parameters, batch)
            by_ad = batch_sums(automatic, objective, automatic.variables(parameters), batch)
            pairs = (by_hand.gradient, by_hand.diagonals), (join(by_ad.gradient), by_ad.diagonals)
            errors = jax.tree.map(_relative, *pairs)
            parameters, _, _ = pg.PIE().step(objective, parameters, batch, ())
            return parameters, jnp.max(jnp.array(jax.tree.leaves(errors)))

        return jax.lax.scan(step, parameters, order)

    worst, rng = 0.0, np.random.default_rng(0)
    for _ in range(epochs):
        parameters, errors = epoch(parameters, objective, patterns, rng.permutation(data.count))
        worst = max(worst, float(jnp.max(errors)))
    return worst


def _relative(one, other):
    return jnp.linalg.norm((one - other.reshape(one.shape)).ravel()) / jnp.linalg.norm(one.ravel())


@pytest.mark.variants
@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("own_masks", [False, True])
def test_ad_and_closed_form_agree_with_modes_and_masks(data, batch_size, own_masks):
    """Two modes, bad pixels of the whole scan or of one pattern, batches of one and several."""
    rng = np.random.default_rng(1)
    shape = data.patterns.shape if own_masks else data.frame_shape
    scan = problems.measurement(mask=rng.uniform(size=shape) > 0.1)
    parameters, rest = partition(problems.start_model(scan, modes=2), ("object", "probe"))
    objective, automatic = Objective(rest, pg.Amplitude()), Automatic()
    index = np.array([5, 40, 11][:batch_size])
    mask = jnp.asarray(scan.mask[index] if own_masks else scan.mask)
    group = pg.physics.Group(jnp.asarray(index))
    batch = Batch(group, jnp.asarray(scan.patterns[index]), mask, jnp.ones(batch_size))
    sums = eqx.filter_jit(batch_sums)
    by_hand = sums(ClosedForm(), objective, parameters, batch)
    by_ad = sums(automatic, objective, automatic.variables(parameters), batch)
    assert max(jax.tree.leaves(jax.tree.map(_relative, by_hand.gradient, join(by_ad.gradient)))) < 2e-6
    assert max(jax.tree.leaves(jax.tree.map(_relative, by_hand.diagonals, by_ad.diagonals))) < 2e-6


def test_free_running_epie_and_ADePIE_agree_at_first_and_in_the_end(data):
    """Iterates part chaotically, so only the first epoch is compared pixel by pixel."""
    results = {}
    for solver in (pg.PIE(), pg.ADePIE()):
        first = pg.reconstruct(problems.start_model(data), data, solver, epochs=1, batch_size=1)
        last = pg.reconstruct(first.model, data, solver, epochs=24, batch_size=1, resume=first)
        results[solver.description] = first, last
    (first, last), (ad_first, ad_last) = results["ePIE"], results["AD-ePIE"]
    for one, other in ((first.object, ad_first.object), (first.probe, ad_first.probe)):
        assert np.linalg.norm(one - other) < 1e-5 * np.linalg.norm(one)
    np.testing.assert_allclose(last.history.loss, ad_last.history.loss, rtol=0.02)
    truth = data.truth.object
    assert pg.nrmse(truth, last.object) == pytest.approx(pg.nrmse(truth, ad_last.object), rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("batch_size", "modes"), [(1, 1), (3, 2)])
def test_on_a_scan_between_whole_pixels_ad_steps_are_those_of_epie(batch_size, modes, double):
    """Object and probe after two epochs of whole, half and other fractions of pixels, to rounding."""
    rng = np.random.default_rng(2)
    data = problems.measurement()
    positions = data.positions + rng.choice([0.0, 0.5, 0.27, -0.41], data.positions.shape)
    data = pg.data.subset(pg.make_dataset(data.patterns, positions, probe=data.probe), np.arange(0, data.count, 3))
    model = problems.start_model(data, modes=modes, dtype=np.complex128)
    results = [
        pg.reconstruct(model, data, solver, epochs=2, batch_size=batch_size) for solver in (pg.PIE(), pg.ADePIE())
    ]
    for name in ("object.transmission", "probe.modes"):
        one, other = (result.arrays[name] for result in results)
        assert np.linalg.norm(one - other) < 1e-11 * np.linalg.norm(one)
        assert np.linalg.norm(one - named_parameters(model)[name]) > 1e-3 * np.linalg.norm(one)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_diagonals_are_the_intensities_of_probe_and_object(data, batch_size):
    """J^H J 1 by AD against |P|² summed into place and |S_j O|² summed over the batch, by NumPy."""
    model = problems.start_model(data, modes=2)
    parameters, rest = partition(model, ("object", "probe"))
    solver, objective = pg.ADePIE(), Objective(rest, pg.Amplitude())
    index = np.array([7, 3, 30][:batch_size])
    variables = solver.variables(parameters)
    batch = Batch(
        pg.physics.Group(jnp.asarray(index)),
        jnp.asarray(data.patterns[index]),
        jnp.ones(data.frame_shape, bool),
        jnp.ones(batch_size),
    )
    found = eqx.filter_jit(batch_sums)(Automatic(), objective, variables, batch).diagonals
    weights = np.zeros(problems.OBJECT)
    intensity = np.sum(np.abs(np.asarray(model.probe.modes)) ** 2, axis=0)
    seen = np.zeros(data.frame_shape)
    for row, column in data.positions[index].astype(int):
        patch = (slice(row, row + problems.FRAME[0]), slice(column, column + problems.FRAME[1]))
        weights[patch] += intensity
        seen += np.abs(np.asarray(model.object.transmission)[patch]) ** 2
    expected = intensity if batch_size == 1 else weights
    np.testing.assert_allclose(found["object.transmission"].reshape(expected.shape), expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found["probe.modes"], np.stack([seen, seen]), rtol=1e-5)


@pytest.mark.slow
def test_masked_pixels_do_not_pull():
    """Garbage under the mask changes no byte of the result."""
    mask = np.ones(problems.FRAME, bool)
    mask[3:5, 2:9] = False
    clean = problems.measurement(mask=mask)
    spoiled = replace(clean, patterns=np.where(mask, clean.patterns, np.uint16(60000)))
    for solver in (pg.PIE(), pg.ADePIE(), pg.adam(STEPS)):
        results = [
            pg.reconstruct(problems.start_model(clean), patterns, solver, epochs=2, batch_size=3)
            for patterns in (clean, spoiled)
        ]
        assert results[0].object.tobytes() == results[1].object.tobytes()


@pytest.mark.slow
def test_adam_is_algorithm_2(data):
    """Two steps on one pattern against Adam written out in NumPy, real and imaginary part apart."""
    model = problems.start_model(data)
    parameters, rest = partition(model, ("object",))
    objective, solver = Objective(rest, pg.Amplitude(), names=NAMES), pg.adam({"object": 0.01})
    batch = Batch(
        pg.physics.Group(jnp.array([4])),
        jnp.asarray(data.patterns[[4]]),
        jnp.ones(data.frame_shape, bool),
        jnp.ones((1,), jnp.float32),
    )
    variables = solver.variables(parameters)
    state = solver.init(objective, variables)
    value = np.asarray(parameters.object.transmission)
    first, second = np.zeros_like(value), np.zeros_like(value)
    for k in (1, 2):
        _, gradient = objective.value_and_gradient(variables, batch)
        patch = np.asarray(join(gradient.values).object.transmission)[0]
        g = np.zeros_like(value)
        row, column = data.positions[4].astype(int)
        g[row : row + problems.FRAME[0], column : column + problems.FRAME[1]] = patch
        first = 0.9 * first + 0.1 * g
        second = 0.999 * second + 0.001 * (g.real**2 + 1j * g.imag**2)
        m, v = first / (1 - 0.9**k), second / (1 - 0.999**k)
        step = m.real / (np.sqrt(v.real) + 1e-8) + 1j * m.imag / (np.sqrt(v.imag) + 1e-8)
        value = value - 0.01 * step
        variables, state, _ = solver.step(objective, variables, batch, state)
    np.testing.assert_allclose(join(variables).object.transmission, value, atol=2e-5)


def test_what_a_solver_cannot_do_is_said():
    data = problems.measurement()
    model = problems.start_model(data)
    with pytest.raises(pg.InputError, match=r"not detector\.background"):
        pg.reconstruct(model, data, pg.PIE(), epochs=1, trainable=("object", "detector"))
    with pytest.raises(pg.InputError, match="amplitude noise"):
        pg.reconstruct(model, data, pg.PIE(), epochs=1, noise=pg.Poisson())
    with pytest.raises(pg.InputError, match=r'Unknown parameter "probes".*probe\.modes'):
        pg.reconstruct(model, data, pg.adam({"object": 0.1, "probes": 1.0}), epochs=1)
    with pytest.raises(pg.InputError, match=r'No step size is given for "probe\.modes"'):
        pg.reconstruct(model, data, pg.adam({"object": 0.1}), epochs=1)
    with pytest.raises(pg.InputError, match="alpha is 0"):
        pg.PIE(alpha=0.0)


@pytest.mark.slow
def test_nesterov_needs_no_tuning(data):
    """One setting for photon counts a million-fold apart, and for batches of a few and of half of all patterns."""
    for photons, batch_size in ((1e3, 8), (1e5, 4), (1e5, 28), (1e9, 8)):
        scan = problems.measurement(photons) if photons < 1e6 else problems.measurement(photons, dtype=np.uint32)
        start = problems.start_model(scan, object=pg.models.flat_object)
        result = pg.reconstruct(start, scan, pg.Nesterov(), epochs=60, batch_size=batch_size)
        assert result.history.r_factor[-1] < max(1.3 * residual_of_truth(scan), 0.01)  # 1 % where noise is less


@pytest.mark.slow
@pytest.mark.parametrize("path", ["object.transmission", "probe.modes"])
def test_nesterov_is_its_equation(path, data):
    """x' = y - γ g / ((1 - φ) w + φ max w), y = x + m v: γ times rPIE's step from y, whose derivatives are by hand.

    With all patterns in a batch γ is 30 % shorter.
    """
    floor, momentum, step_size = 0.38, 0.8, 0.7 * 0.65 / (1 + 2 / data.count)
    model = problems.start_model(data)
    every = {"epochs": 1, "batch_size": data.count, "trainable": (path,)}

    def by_hand(y):
        start = replace_parameter(model, path, jnp.asarray(y))
        return y + step_size * (pg.reconstruct(start, data, pg.PIE(floor), **every).arrays[path] - y)

    x = [np.asarray(named_parameters(model)[path])]
    x.append(by_hand(x[0]))
    x.append(by_hand(x[1] + momentum * (x[1] - x[0])))
    every |= {"planned": 10**6}  # so that steps don't cool
    first = pg.reconstruct(model, data, pg.Nesterov(), **every)
    second = pg.reconstruct(model, data, pg.Nesterov(), resume=first, **every)
    for found, expected, before in ((first, x[1], x[0]), (second, x[2], x[1])):
        np.testing.assert_allclose(found.arrays[path], expected, atol=2e-4 * np.abs(expected - before).max())


def test_nesterov_beats_epie(data):
    """After 20 epochs it is nearer to the noise than ePIE is after 60."""
    start = problems.start_model(data)
    fast = pg.reconstruct(start, data, pg.Nesterov(), epochs=20, batch_size=8)
    slow = pg.reconstruct(start, data, pg.PIE(), epochs=60)
    assert fast.history.r_factor[-1] < slow.history.r_factor[-1]


@pytest.mark.slow
def test_parameters_without_a_diagonal_move_by_adam(data):
    """A background that the model has to find; from 0, where single photons pull hard, it sets out but slowly."""
    brighter = problems.measurement(background=2.0)
    model = problems.start_model(brighter, object=lambda _: brighter.truth.object)
    model = eqx.tree_at(lambda m: m.probe.modes, model, jnp.asarray(brighter.truth.probe, jnp.complex64))
    options = {"epochs": 40, "batch_size": 8, "trainable": ("detector.background",), "noise": pg.Poisson(floor=0.01)}
    assert pg.reconstruct(model, brighter, pg.Nesterov(), **options).arrays["detector.background"] > 0.1
    near = eqx.tree_at(lambda m: m.detector.background, model, jnp.float32(1.5))
    for solver in (pg.Nesterov(), pg.Nesterov(steps={"detector.background": 0.05})):
        result = pg.reconstruct(near, brighter, solver, **options)
        assert result.arrays["detector.background"] == pytest.approx(2.0, rel=0.05)


@pytest.mark.slow
@pytest.mark.variants
@pytest.mark.parametrize("name", SOLVERS)
def test_padding_changes_no_step(name, data):
    """A batch that is filled up with a pattern of weight 0 steps as the batch without it does."""
    solver = SOLVERS[name][0]
    parameters, rest = partition(problems.start_model(data, modes=2), ("object", "probe"))
    objective = Objective(rest, pg.Amplitude(), names=NAMES)
    variables = solver.variables(parameters)
    ends = []
    for index, weight in (([3, 9, 20], [1, 1, 1]), ([3, 9, 20, 0], [1, 1, 1, 0])):
        batch = Batch(
            pg.physics.Group(jnp.array(index)),
            jnp.asarray(data.patterns[np.array(index)]),
            jnp.ones(data.frame_shape, bool),
            jnp.array(weight, jnp.float32),
        )
        end, _, _ = solver.step(objective, variables, batch, solver.init(objective, variables))
        ends.append(jax.tree.leaves(end))
    for one, other in zip(*ends, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-4)


def test_closed_form_pie_names_what_it_is_not_written_for(data):
    """The part of the model, where the model itself is one that it takes."""
    start = problems.start_model(data)
    for change, text in (
        (pg.models.with_varying_intensity, "same probe in all patterns, not for VaryingProbe"),
        (lambda model: pg.models.with_varying_probe(model, 1), "same probe in all patterns, not for VaryingProbe"),
    ):
        run = pg.Run(change(start), data, pg.PIE(), (pg.Stage(1),), 5)
        with pytest.raises(pg.InputError, match=text):
            pg.perform(run)
