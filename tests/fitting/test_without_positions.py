"""Tomography as a model of one's own: data without positions, the angles a variable that is refined with the image.

Patterns are drawn from the analytic projections of Gaussian blobs, not from the model that is fitted.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.core.errors import InputError
from ptychograd.data.dataset import StoredPatterns

ROWS, COLUMNS, COUNT = 15, 16, 36
Y, X = np.arange(ROWS) - ROWS // 2, np.arange(COLUMNS) - COLUMNS // 2
BLOBS = np.array([[-2.6, 2.2, 1.3, 900.0], [3.1, -1.4, 1.0, 600.0], [0.4, -4.0, 1.5, 400.0]])  # y, x, σ, photons
TRUE = np.deg2rad(np.linspace(0, 175, COUNT))
WRONG = TRUE + np.random.default_rng(4).normal(0, np.deg2rad(4), COUNT)  # what the stage says
FREE = ("image", "angle")


class Tomography(pg.AbstractModel):
    """Photons emitted along the lines of a slice that is turned, on a row of pixels."""

    image: jax.Array
    angle: jax.Array

    def __call__(self, index):
        y, x = (jnp.asarray(axis, self.angle.dtype) for axis in (Y[:, None], X[None, :]))
        cosine, sine = jnp.cos(self.angle[index]), jnp.sin(self.angle[index])
        places = [cosine * y - sine * x + ROWS // 2, sine * y + cosine * x + COLUMNS // 2]
        turned = jax.scipy.ndimage.map_coordinates(jnp.square(self.image), places, order=1)
        return turned.sum(axis=0)[None, :] + 1


def projections() -> np.ndarray:
    """Counts (index, 1, x) of the blobs at the true angles."""
    y, x, width, photons = BLOBS.T[..., None, None]
    middle = np.cos(TRUE)[:, None] * x - np.sin(TRUE)[:, None] * y
    lines = photons / np.sqrt(2 * np.pi) / width * np.exp(-((X - middle) ** 2) / (2 * width**2))
    return np.random.default_rng(5).poisson(lines.sum(axis=0) + 1)[:, None, :].astype(np.uint16)


def start(data: pg.Dataset) -> Tomography:
    return Tomography(jnp.full((ROWS, COLUMNS), 3, jnp.float32), jnp.asarray(data.variable("angle").astype(np.float32)))


def fitted(data, epochs=2, **items):
    solver = pg.adam({"image": 0.6, "angle": 0.01})
    settings = {"epochs": epochs, "batch_size": 12, "trainable": FREE, "noise": pg.Poisson(), **items}
    return pg.reconstruct(start(data), data, solver, **settings)


@pytest.fixture(scope="module")
def data() -> pg.Dataset:
    return pg.make_dataset(projections(), variables={"angle": pg.data.Variable(np.rad2deg(WRONG), "deg")})


@pytest.fixture(scope="module")
def held(data):
    return pg.hold_out(data, 0.1)


@pytest.fixture(scope="module")
def result(held):
    return fitted(held[0], 80)


def spread(angle, which) -> float:
    """Degrees by which some angles are off; turning slice and all angles together changes no pattern."""
    off = (np.asarray(angle, float) - TRUE)[which]
    return float(np.rad2deg(off.std()))


def test_image_and_angles_are_found(result, held):
    used = held[0].photons > 0
    assert spread(result.arrays["angle"], used) < 0.4 * spread(WRONG, used)
    assert np.array_equal(result.arrays["angle"][~used], start(held[0]).angle[~used])
    assert result.history.r_factor[-1] < 0.06
    assert pg.r_factor(result.model, held[1]) < 0.2 * pg.r_factor(start(held[1]), held[1])
    image = np.square(result.arrays["image"])
    peak = np.unravel_index(np.argmax(image), image.shape)
    assert np.hypot(peak[0] - ROWS // 2 - BLOBS[1, 0], peak[1] - COLUMNS // 2 - BLOBS[1, 1]) < 1  # the brightest


def test_its_file_has_no_positions_and_a_run_goes_on_from_it(tmp_path, data):
    result = fitted(data)
    result.save(tmp_path / "result.h5")
    again = pg.load(tmp_path / "result.h5")
    assert (again.positions, again.positions_refined, again.corrections) == (None, None, None)
    assert again.arrays.keys() == {"image", "angle"}
    model = again.onto(start(data))
    assert eqx.tree_equal(model, result.model)
    longer, whole = fitted(data, 1, resume=again), fitted(data, 3)
    assert longer.history.loss == whole.history.loss
    assert np.array_equal(longer.arrays["angle"], whole.arrays["angle"])


def test_a_planned_run_is_held_out_and_judged(held):
    solver = pg.adam({"image": 0.6, "angle": 0.01})
    stages = (pg.Stage(1, FREE), pg.Stage(2, FREE, pg.Poisson()))
    monitor = pg.refinement.HeldOutMonitor(held[1], every=1)
    result = pg.perform(pg.Run(start(held[0]), held[0], solver, stages, batch_size=12, monitor=monitor))
    assert len(result.history.monitored) == 3
    verdict = pg.assess(result, held[0])
    assert verdict.code in ("at_noise", "near_noise", "not_solved")
    assert not {cause.code for cause in verdict.causes} & {"orientation", "positions", "defocus", "modes"}


@pytest.fixture(scope="module")
def in_memory(data):
    return fitted(data, batch_size=COUNT)


def test_it_streams(tmp_path, data, in_memory):
    pg.write(tmp_path / "scan.h5", data)
    stored = pg.read(tmp_path / "scan.h5", keep=pg.data.StreamFromFile(limit=1, block=2**9))
    assert isinstance(stored.patterns, StoredPatterns)
    assert stored.fingerprint == data.fingerprint
    result = fitted(stored, batch_size=COUNT)
    np.testing.assert_allclose(result.history.loss, in_memory.history.loss, rtol=1e-5)


def test_it_runs_on_several_devices(data, in_memory):
    result = fitted(data, batch_size=COUNT, devices=jax.devices()[:2])
    np.testing.assert_allclose(result.history.loss, in_memory.history.loss, rtol=1e-5)
    np.testing.assert_allclose(result.arrays["angle"], in_memory.arrays["angle"], atol=1e-4)


def test_what_such_a_model_can_not_have_is_one_sentence(data, result):
    with pytest.raises(InputError, match="Tomography has no scan whose positions could be refined"):
        pg.models.with_refinable_positions(start(data), 2)
    for action in (pg.refinement.PositionSearch(data), pg.refinement.DistortionCorrection(data)):
        run = pg.Run(start(data), data, pg.adam({"image": 0.3}), (pg.Stage(1, ("image",), first=(action,)),), 12)
        with pytest.raises(InputError, match="positions can't be refined"):
            pg.perform(run)
    with pytest.raises(InputError, match="has no image, as its model names none"):
        pg.plot.summary(result)
    left = pg.quality.residuals(result.model, data, pg.Poisson())
    assert left.r_of_pattern.shape == (COUNT,)


def test_a_model_that_knows_its_places_asks_the_data_for_none():
    """The same numbers, with positions in the data and without."""
    with_places = problems.measurement()
    bare = pg.make_dataset(with_places.patterns, probe=with_places.probe)
    results = [
        pg.reconstruct(problems.start_model(with_places), one, pg.Nesterov(), epochs=1, batch_size=14)
        for one in (with_places, bare)
    ]
    assert results[0].history.loss == results[1].history.loss
    assert (results[1].positions, results[1].positions_refined) == (None, None)
