"""The quasi-Newton solver: against analytic solutions, a second implementation in NumPy, and the default solver."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import nnls

import own_models
import problems
import ptychograd as pg
from ptychograd.data.dataset import StoredPatterns, StreamFromFile
from ptychograd.runs.many import perform_all

FRAME, COUNT, REAL, COMPLEX, LEVEL = (5, 4), 6, 7, 3, 300.0
VARIANCE = 4.0
ROUNDING = 3e-6  # by which a sum over all patterns may rise
OBJECT = ("object",)


# A convex quadratic: photons that are linear in real and complex parameters, under Gaussian noise ----------


class Linear(pg.AbstractModel):
    """Expects LEVEL + A x + Re(B z)."""

    x: jax.Array
    z: jax.Array
    a: np.ndarray
    b: np.ndarray

    def __call__(self, index):
        a, b = jnp.asarray(self.a)[index], jnp.asarray(self.b)[index]
        return LEVEL + a @ self.x + (b.real @ self.z.real - b.imag @ self.z.imag)


def linear_problem(lowest: float = -1.0):
    """A start, its data, and the matrix and right hand side of the least squares in (x, Re z, Im z)."""
    rng = np.random.default_rng(4)
    a = rng.normal(size=(COUNT, *FRAME, REAL)) * np.geomspace(1, 9, REAL)
    b = rng.normal(size=(COUNT, *FRAME, COMPLEX)) + 1j * rng.normal(size=(COUNT, *FRAME, COMPLEX))
    truth = np.concatenate([rng.uniform(lowest, 4, REAL), rng.normal(size=2 * COMPLEX)])
    matrix = np.concatenate([a, b.real, -b.imag], axis=-1).reshape(-1, REAL + 2 * COMPLEX)
    patterns = LEVEL + matrix @ truth + np.sqrt(VARIANCE) * rng.normal(size=len(matrix))
    assert patterns.min() > 0  # a 0 would be taken for 0 or less
    start = jnp.asarray(rng.uniform(1, 2, REAL), jnp.float32), jnp.ones(COMPLEX, jnp.complex64)
    model = Linear(*start, a.astype(np.float32), b.astype(np.complex64))
    data = pg.make_dataset(patterns.reshape(COUNT, *FRAME).astype(np.float32))
    return model, data, matrix, patterns - LEVEL


def as_vector(result) -> np.ndarray:
    z = result.arrays["z"]
    return np.concatenate([result.arrays["x"], z.real, z.imag])


def fitted(model, data, solver, epochs, **options):
    options = {"batch_size": data.count, "trainable": ("x", "z"), "noise": pg.Gaussian(VARIANCE, 1e3)} | options
    return pg.reconstruct(model, data, solver, epochs=epochs, **options)


@pytest.mark.slow
def test_a_quadratic_ends_at_its_analytic_solution():
    """13 unknowns of curvatures 1 to 81, real and complex, without a diagonal: within 25 epochs."""
    model, data, matrix, right = linear_problem()
    result = fitted(model, data, pg.LBFGS(memory=15), 25)
    solution = np.linalg.lstsq(matrix, right)[0]
    np.testing.assert_allclose(as_vector(result), solution, atol=2e-3)
    least = np.sum((matrix @ solution - right) ** 2) / (2 * VARIANCE)
    assert result.history.loss[-1] == pytest.approx(least, rel=1e-4)


@pytest.mark.slow
def test_the_first_epochs_are_those_of_a_second_implementation():
    """Two loops, γ, Armijo's rule and the parabola once more, in NumPy and double precision."""
    model, data, matrix, right = linear_problem()
    result = fitted(model, data, pg.LBFGS(memory=3, steps={"x": 0.1, "z": 0.02}), 7)
    ends, losses = numpy_lbfgs(matrix, right, np.concatenate([model.x, model.z.real, model.z.imag]), 3, 7)
    np.testing.assert_allclose(result.history.loss, losses, rtol=2e-4)
    np.testing.assert_allclose(as_vector(result), ends[-1], atol=2e-3 * np.abs(ends[-1]).max())


def numpy_lbfgs(matrix, right, x, memory, epochs):
    """Places and losses after each epoch; every first number of x is real, the others are planes of complex ones."""

    def look(x):
        rest = matrix @ x - right
        return np.sum(rest**2) / (2 * VARIANCE), matrix.T @ rest / (2 * VARIANCE)  # the gradient of half of it

    value, gradient = look(x)
    first = gradient[:REAL], np.stack(np.split(gradient[REAL:], 2))
    size_x, size_z = np.sqrt(np.mean(first[0] ** 2)), np.sqrt(np.sum(np.mean(first[1] ** 2, axis=1)))
    h0 = np.concatenate([np.full(REAL, 0.1 / size_x), np.full(2 * COMPLEX, 0.02 / size_z)])
    pairs, ends, losses = [], [], []
    for _ in range(epochs):
        q, shares = gradient.copy(), []
        for s, y in reversed(pairs):
            shares.append(s @ q / (s @ y))
            q -= shares[-1] * y
        gamma = 1.0 if not pairs else pairs[-1][0] @ pairs[-1][1] / (pairs[-1][1] @ (h0 * pairs[-1][1]))
        r = gamma * h0 * q
        for (s, y), share in zip(pairs, reversed(shares), strict=True):
            r += s * (share - y @ r / (s @ y))
        length = 1.0
        while True:
            step, slope = -length * r, -2 * length * (gradient @ r)
            there, slopes = look(x + step)
            if there <= value + 1e-4 * slope:
                break
            length *= np.clip(-slope / (2 * (there - value - slope)), 0.1, 0.5)
        pairs = [*pairs, (step, slopes - gradient)][-memory:]
        x, value, gradient = x + step, there, slopes
        ends.append(x)
        losses.append(value)
    return ends, losses


@pytest.mark.slow
def test_positive_parameters_end_at_non_negative_least_squares():
    model, data, matrix, right = linear_problem(lowest=-4.0)
    held = matrix[:, REAL:] @ np.concatenate([model.z.real, model.z.imag])
    solution, _ = nnls(matrix[:, :REAL], right - held)
    assert (solution == 0).any()  # so that the constraint has a say
    only = {"trainable": ("x",), "constraints": {"x": pg.constraints.Positive()}}
    result = fitted(model, data, pg.LBFGS(), 40, **only)
    np.testing.assert_allclose(result.arrays["x"], solution, atol=2e-3)


@pytest.mark.slow
def test_rounding_is_the_end_and_no_harm():
    """At the solution a search finds nothing lower, for dozens of epochs: the loss stays within what rounding does."""
    model, data, matrix, right = linear_problem()
    result = fitted(model, data, pg.LBFGS(), 90)
    loss = np.array(result.history.loss)
    assert loss[40:].max() < loss[40:].min() * (1 + 20 * ROUNDING)
    np.testing.assert_allclose(as_vector(result), np.linalg.lstsq(matrix, right)[0], atol=2e-3)


# Ptychography ---------------------------------------------------------------------------------------------


def loss_of(result, data, noise=None):
    still = pg.solvers.EvaluateOnly()
    return pg.reconstruct(result.model, data, still, epochs=1, batch_size=8, noise=noise).history.loss[0]


@pytest.mark.slow
def test_the_first_step_is_the_preconditioned_gradients(data, model):
    """g = Σ P* χ and w = Σ |P|² of every window in NumPy, x' = x - g / ((1 - φ) w + φ max w)."""
    floor = 0.2
    result = pg.reconstruct(
        model, data, pg.LBFGS(floor=floor), epochs=1, batch_size=data.count, trainable=OBJECT, seed=2
    )
    probe, object = (np.asarray(array, complex) for array in (model.probe.modes[0], model.object.transmission))
    gradient, weight = np.zeros_like(object), np.zeros(object.shape)
    for (row, column), pattern in zip(np.asarray(model.scan.corner), data.patterns, strict=True):
        window = np.s_[row : row + probe.shape[0], column : column + probe.shape[1]]
        wave = np.fft.fft2(probe * object[window], norm="ortho")
        size = np.abs(wave)
        rest = (1 - np.sqrt(np.fft.ifftshift(pattern)) / np.where(size > 0, size, 1)) * wave
        gradient[window] += np.conj(probe) * np.fft.ifft2(rest, norm="ortho")
        weight[window] += np.abs(probe) ** 2
    moved = object - gradient / ((1 - floor) * weight + floor * weight.max())
    assert np.linalg.norm(moved - object) > 0.1 * np.linalg.norm(object)
    np.testing.assert_allclose(result.object, moved, atol=1e-4 * np.abs(moved).max())
    assert int(result.state["passes"]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("noise", [pg.Amplitude(), pg.Poisson()], ids=repr)
def test_the_loss_never_rises(data, model, noise):
    """But for rounding; and what the history says is the loss of the state that comes out."""
    result = pg.reconstruct(model, data, pg.LBFGS(), epochs=20, batch_size=data.count, noise=noise)
    loss = np.array(result.history.loss)
    assert (np.diff(loss) <= ROUNDING * np.abs(loss[:-1])).all()
    assert loss[-1] < 0.1 * loss[0]
    assert loss_of(result, data, noise) == pytest.approx(loss[-1], rel=1e-4)
    power = np.sum(np.abs(model.probe.modes) ** 2)
    assert np.sum(np.abs(result.probe) ** 2) == pytest.approx(power, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_ends_no_higher_than_the_default_in_as_many_passes(seed):
    data = problems.measurement(seed=seed)
    model, all_of_them = problems.start_model(data), data.count
    begun = pg.reconstruct(model, data, pg.Nesterov(), epochs=5, batch_size=8, planned=60, seed=seed)
    ended = pg.reconstruct(model, data, pg.LBFGS(), epochs=25, batch_size=all_of_them, resume=begun)
    passes = 5 + int(ended.state["passes"])
    other = pg.reconstruct(model, data, pg.Nesterov(), epochs=passes, batch_size=8, seed=seed)
    assert loss_of(ended, data) <= loss_of(other, data)


KINDS = {
    "positions": (pg.models.with_refinable_positions, ("object", "probe", "scan.offset", "scan.affine")),
    "background": (lambda model: pg.models.with_background(model, 0.5), ("object", "probe", "detector")),
    "varying probe": (lambda model: pg.models.with_varying_probe(model, 1), ("object", "probe")),
    "intensities": (pg.models.with_varying_intensity, ("object", "probe")),
    "phase object": (lambda model: pg.models.with_magnitude(model, pg.physics.UnitMagnitude()), ("object", "probe")),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_parameters_of_every_kind_move_and_the_loss_falls(data, model, kind):
    """Also those without a diagonal and those with one row a pattern; gauges are kept as after any epoch."""
    change, names = KINDS[kind]
    start = change(model)
    result = pg.reconstruct(start, data, pg.LBFGS(), epochs=12, batch_size=data.count, trainable=names)
    loss = np.array(result.history.loss)
    assert (np.diff(loss) <= ROUNDING * loss[:-1]).all()
    assert loss[-1] < 0.3 * loss[0]
    assert loss_of(result, data) == pytest.approx(loss[-1], rel=1e-3)
    moved = [name for name, array in result.arrays.items() if name.startswith(names)]
    before = pg.reconstruct(start, data, pg.LBFGS(), epochs=0, batch_size=data.count, trainable=names).arrays
    still = [name for name in moved if np.array_equal(result.arrays[name], before[name])]
    assert not [name for name in still if np.issubdtype(result.arrays[name].dtype, np.inexact)], still
    if kind == "positions":
        np.testing.assert_allclose(result.arrays["scan.offset"].mean(axis=0), 0, atol=1e-3)


@pytest.mark.slow
def test_priors_are_part_of_the_objective(data, model):
    """It ends where the default ends in many more epochs, by the objective with its prior."""
    options = {"batch_size": data.count, "priors": pg.priors.TotalVariation(0.2)}
    result = pg.reconstruct(model, data, pg.LBFGS(), epochs=80, **options)
    loss = np.array(result.history.loss)
    assert (np.diff(loss) <= ROUNDING * loss[:-1]).all()
    other = pg.reconstruct(model, data, pg.Nesterov(), epochs=400, **options)
    assert loss[-1] < 1.01 * other.history.loss[-1]
    plain = pg.reconstruct(model, data, pg.LBFGS(), epochs=80, batch_size=data.count)
    assert loss_of(plain, data) < loss_of(result, data)


CONSTRAINTS = {
    "support": pg.constraints.Support(np.indices(problems.OBJECT)[0] > 9, outside=0.7),
    "phase": pg.constraints.PhaseOnly(),
    "magnitude": pg.constraints.MagnitudeAtMostOne(),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints_hold_and_the_loss_falls(data, model, name):
    constraint = CONSTRAINTS[name]
    options = {"batch_size": data.count, "constraints": {"object": constraint}}
    result = pg.reconstruct(model, data, pg.LBFGS(), epochs=15, **options)
    np.testing.assert_allclose(result.object, np.asarray(constraint(jnp.asarray(result.object))), atol=1e-6)
    loss = np.array(result.history.loss)
    assert (np.diff(loss) <= ROUNDING * loss[:-1]).all()
    assert loss[-1] < 0.5 * loss[0]


@pytest.mark.slow
def test_a_diagonal_that_is_none_costs_steps_and_no_more():
    """As good as a model of the spectrum itself, which comes without one, and with no step size from anybody."""
    start, data, *_ = own_models.fourier_ptychography()
    for model in (start, own_models.in_real_space(start)):
        result = pg.reconstruct(model, data, pg.LBFGS(), epochs=80, batch_size=data.count)
        truth = pg.reconstruct(own_models.tilted()[0], data, pg.solvers.EvaluateOnly(), epochs=1, batch_size=8)
        assert result.history.r_factor[-1] < truth.history.r_factor[-1]


# A run ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_stage_of_its_own_is_named_and_goes_on_bit_for_bit(data, model, tmp_path):
    stages = (pg.Stage(2), pg.Stage(4, solver=pg.LBFGS(memory=2), batch_size=data.count))
    run = pg.Run(model, data, pg.Nesterov(), stages, 8)
    saved = []
    whole = pg.perform(run, lambda progress: saved.append(progress.so_far()))
    assert whole.settings["solver"] == "L-BFGS, 2 steps remembered, floor 0.05"
    assert whole.settings["batch_size"] == data.count
    assert saved[1].settings["solver"] == pg.Nesterov().description
    for number in (1, 3):
        saved[number].save(tmp_path / "begun.h5")
        again = pg.perform(run, resume=pg.load(tmp_path / "begun.h5"))
        assert again.object.tobytes() == whole.object.tobytes()
        assert again.history.loss == whole.history.loss


def test_the_summary_of_a_run_names_what_a_stage_has_of_its_own(data, model):
    plain = pg.Run(model, data, pg.Nesterov(), (pg.Stage(2),), 8).summary
    assert plain["stages"] == [[2, ["object", "probe"], "Amplitude()", "None", "()", "()"]]
    own = pg.Stage(2, solver=pg.LBFGS(), batch_size=data.count)
    told = pg.Run(model, data, pg.Nesterov(), (own,), 8).summary
    assert told["stages"][0][-1] == {"solver": pg.LBFGS().description, "batch_size": data.count}
    with pytest.raises(pg.InputError, match="str is no solver"):
        pg.perform(pg.Run(model, data, pg.Nesterov(), (pg.Stage(1, solver="lbfgs"),), 8))


@pytest.mark.slow
def test_other_noise_makes_it_begin_afresh(data, model):
    """Steps and gradients of one objective tell nothing of another."""
    options = {"batch_size": data.count}
    first = pg.reconstruct(model, data, pg.LBFGS(), epochs=3, **options)
    second = pg.reconstruct(model, data, pg.LBFGS(), epochs=2, noise=pg.Poisson(), resume=first, **options)
    assert int(second.state["age"]) == 2
    third = pg.reconstruct(model, data, pg.LBFGS(), epochs=2, resume=first, **options)
    assert int(third.state["age"]) == 5


@pytest.mark.slow
def test_devices_agree_with_one(data, model):
    one, two = (
        pg.reconstruct(model, data, pg.LBFGS(), epochs=3, batch_size=data.count, devices=devices)
        for devices in (None, jax.devices()[:3])
    )
    np.testing.assert_allclose(two.history.loss, one.history.loss, rtol=1e-4)
    assert np.linalg.norm(two.object - one.object) < 1e-3 * np.linalg.norm(one.object)


@pytest.mark.slow
def test_runs_side_by_side_are_each_what_they_are_alone(data, model):
    """In one program, where one of them may search longer than the other."""
    runs = {str(floor): pg.Run(model, data, pg.LBFGS(floor=floor), (pg.Stage(4),), data.count) for floor in (0.05, 0.4)}
    for name, result in perform_all(runs, at_once=2):
        alone = pg.perform(runs[name])
        np.testing.assert_allclose(result.history.loss, alone.history.loss, rtol=1e-3)


@pytest.mark.slow
def test_patterns_that_stay_in_their_file_are_read_as_one_batch(data, model, tmp_path):
    pg.write(tmp_path / "scan.h5", data)
    stored = pg.read(tmp_path / "scan.h5", keep=StreamFromFile(0, 9 * data.patterns[0].nbytes))
    assert isinstance(stored.patterns, StoredPatterns)
    one, other = (pg.reconstruct(model, one, pg.LBFGS(), epochs=4, batch_size=data.count) for one in (data, stored))
    np.testing.assert_allclose(other.history.loss, one.history.loss, rtol=1e-3)


def test_what_it_can_not_do_is_said_before_anything_is_compiled(data, model):
    with pytest.raises(pg.InputError, match=f"all {data.count} patterns in one batch, not 8"):
        pg.reconstruct(model, data, pg.LBFGS(), epochs=1, batch_size=8)
    with pytest.raises(pg.InputError, match="memory of 0 steps"):
        pg.LBFGS(memory=0)
    with pytest.raises(pg.InputError, match='step of "object" comes from the model; give steps for none'):
        pg.reconstruct(model, data, pg.LBFGS(steps={"object": 0.1}), epochs=1, batch_size=data.count)


class Halved(pg.constraints.AbstractConstraint):
    """No projection."""

    def __call__(self, array):
        return array / 2


def test_a_constraint_that_is_no_projection_is_refused(data, model):
    with pytest.raises(pg.InputError, match=r'constraints on "object\.transmission" change again'):
        pg.reconstruct(model, data, pg.LBFGS(), epochs=1, batch_size=data.count, constraints={"object": Halved()})


def test_patterns_that_are_still_to_come_are_refused():
    with pytest.raises(pg.InputError, match="still being written"):
        pg.LBFGS().check_batch(20, 20, grows=True)
