"""Where J^H J 1 is far from the diagonal of J^H J: found before the first step, against dense matrices."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest

import own_models
import problems
import ptychograd as pg
from ptychograd.core.compilable import on_device
from ptychograd.core.parameters import partition, split
from ptychograd.fitting.objective import Objective
from ptychograd.fitting.reconstruction.diagonals import largest_eigenvalues

FLOOR = 0.38
SPECTRUM, SMALL, LENS = (9, 8), (5, 4), (2.2, 1.9)


def eigenvalues(model, names, count, batch_size):
    parameters, rest = partition(model, names)
    return largest_eigenvalues(Objective(on_device(rest), pg.Amplitude()), split(parameters), FLOOR, count, batch_size)


def small_tilted(corner):
    """Fourier ptychography of 9 x 8 pixels, small enough for a dense matrix."""
    rng = np.random.default_rng(5)
    v, u = (np.arange(n) - n // 2 for n in SMALL)
    lens = (v[:, None] / LENS[0]) ** 2 + (u / LENS[1]) ** 2 < 1
    pupil = lens * np.exp(1j * rng.normal(size=SMALL))
    image = jnp.asarray(problems.complex_array(*SPECTRUM, seed=6), jnp.complex64)
    return own_models.InRealSpace(image, jnp.asarray(pupil, jnp.complex64), lens, np.asarray(corner))


def dense(model):
    """J of all patterns with respect to the image, column by column, in NumPy."""
    columns = []
    for pixel in np.ndindex(SPECTRUM):
        unit = np.zeros(SPECTRUM, complex)
        unit[pixel] = 1
        spectrum = np.fft.fftshift(np.fft.fft2(unit, norm="ortho"))
        seen = [spectrum[y : y + SMALL[0], x : x + SMALL[1]] * np.asarray(model.pupil) for y, x in model.corner]
        columns.append(np.ravel([np.fft.ifft2(np.fft.ifftshift(one), norm="ortho") for one in seen]))
    return np.array(columns).T


@pytest.mark.slow
def test_the_largest_eigenvalue_is_that_of_the_dense_matrix():
    """All patterns in one batch, two of which see the zero frequency, so that W is not 0."""
    model = small_tilted([[2, 2], [1, 3], [4, 4], [3, 4], [4, 3]])
    jacobian = dense(model)
    hessian = jacobian.conj().T @ jacobian
    w = hessian.sum(axis=1).real
    root = 1 / np.sqrt((1 - FLOOR) * w + FLOOR * w.max())
    largest = np.linalg.eigvalsh(root[:, None] * hessian * root).max()
    found = eigenvalues(model, ("image",), len(model.corner), len(model.corner))["image"]
    assert largest > 1.5
    assert 0.85 * largest < found < 1.001 * largest  # an iteration comes from below


@pytest.mark.slow
def test_patterns_without_the_zero_frequency_have_no_scale():
    model = small_tilted([[0, 0], [0, 4], [2, 2]])
    assert eigenvalues(model, ("image",), 3, 1)["image"] == np.inf


@pytest.mark.slow
def test_object_and_probe_of_a_scan_are_never_above_one():
    """Of a product J^H J is diagonal, and W at least as large."""
    data = problems.measurement()
    found = eigenvalues(problems.start_model(data), ("object", "probe"), data.count, 8)
    assert found.keys() == {"object.transmission", "probe.modes"}
    assert all(0.5 < value <= 1.0001 for value in found.values())


@pytest.mark.slow
def test_fourier_ptychography_of_an_image_converges_by_default():
    """With no step size from anybody, and a line that says how; R of the truth is 0.0152."""
    start, data, *_ = own_models.fourier_ptychography()
    with pytest.warns(UserWarning, match="All parameters move by Adam"):
        result = pg.reconstruct(own_models.in_real_space(start), data, pg.Nesterov(), epochs=60)
    assert result.history.r_factor[-1] < 0.05
    assert result.settings["without_diagonal"]
    assert "loss_rose" not in result.settings


@pytest.mark.slow
def test_a_run_goes_on_as_it_began(tmp_path):
    """The second stage, and the rest of a run that was cut, keep the way in which parameters move."""
    start, data, *_ = own_models.fourier_ptychography()
    run = pg.Run(own_models.in_real_space(start), data, pg.Nesterov(), (pg.Stage(2), pg.Stage(3, noise=pg.Poisson())))
    saved = []
    with pytest.warns(UserWarning, match="move by Adam"):
        whole = pg.perform(run, lambda progress: saved.append(progress.so_far()))
    saved[2].save(tmp_path / "begun.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = pg.perform(run, resume=pg.load(tmp_path / "begun.h5"))
    assert again.arrays["image"].tobytes() == whole.arrays["image"].tobytes()


class Promised(own_models.InRealSpace):
    """Says that it has a diagonal, and has none."""

    @property
    def has_diagonal(self):
        return True


@pytest.mark.slow
def test_a_promise_is_believed():
    start, data, *_ = own_models.fourier_ptychography()
    promised = Promised(*vars(own_models.in_real_space(start)).values())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "without_diagonal" not in pg.reconstruct(promised, data, pg.Nesterov(), epochs=0).settings
