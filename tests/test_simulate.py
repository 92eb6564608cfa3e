"""Simulated measurements: where patterns are taken, of what, and how photons scatter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from ptychograd._errors import InputError
from ptychograd._model import AbstractModel
from ptychograd._noise import Amplitude
from ptychograd._simulate import PATTERNS_AT_ONCE, embedded, raster, simulate, transmission

FRAME = (5, 8)


class Glow(AbstractModel):
    """Expected photons: a gradient over the frame, brighter by number."""

    brightness: Array

    def __call__(self, index):
        y, x = jnp.indices(FRAME)
        return self.brightness * (1 + index) * (1 + y + 0.1 * x)


# Counts ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def counts():
    """Two full groups of patterns and a rest, the same expectation in all but for the factor 1 + index."""
    return simulate(Glow(jnp.array(0.5)), 2 * PATTERNS_AT_ONCE + 1, seed=3)


def test_counts_are_poisson_in_mean_and_variance(counts):
    expected = np.stack([Glow(jnp.array(0.5))(index) for index in range(len(counts))])
    score = (counts - expected) / np.sqrt(expected)
    assert score.mean() == pytest.approx(0, abs=5 / np.sqrt(score.size))
    assert score.var() == pytest.approx(1, abs=5 * np.sqrt(2.5 / score.size))
    assert np.abs(score.mean(axis=0)).max() < 5 / np.sqrt(len(counts))
    assert counts.shape == (len(counts), *FRAME)


def test_no_two_groups_of_patterns_share_their_noise(counts):
    expected = np.stack([Glow(jnp.array(0.5))(index) for index in range(len(counts))])
    score = ((counts - expected) / np.sqrt(expected))[: 2 * PATTERNS_AT_ONCE]
    first, second = (part.ravel() for part in np.split(score, 2))
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(first.size)


def test_the_seed_tells_every_count(counts):
    count = len(counts)
    again, other = (simulate(Glow(jnp.array(0.5)), count, seed=seed) for seed in (3, 4))
    assert again.tobytes() == counts.tobytes()
    assert (other != counts).any()


@pytest.mark.parametrize(
    ("brightness", "dtype"), [(0.0, np.uint16), (2e3, np.uint16), (6e3, np.uint16), (2e4, np.uint32)]
)
def test_counts_come_in_the_smallest_type_that_holds_them(brightness, dtype):
    """The largest number of a type stays free: detectors, and so our readers, mean a bad pixel by it."""
    patterns = simulate(Glow(jnp.array(brightness)), 2)
    assert patterns.dtype == dtype
    assert patterns.max() < np.iinfo(dtype).max
    assert patterns.sum() == pytest.approx(
        brightness * 3 * np.sum(1 + np.indices(FRAME)[0] + 0.1 * np.indices(FRAME)[1]), rel=0.01
    )


def test_noise_of_real_numbers_stays_real():
    patterns = simulate(Glow(jnp.array(100.0)), 2, noise=Amplitude())
    assert patterns.dtype == np.float32
    assert (patterns != np.round(patterns)).any()


def test_the_model_may_be_in_double_precision():
    with jax.enable_x64(True):
        patterns = simulate(Glow(jnp.array(100.0)), 2)
    assert patterns.dtype == np.uint16


# Raster ---------------------------------------------------------------------------------------------------


def test_a_raster_goes_row_by_row_from_its_start():
    positions = raster((2, 3), (1.5, 0.5), (10.0, -1.0))
    expected = [[10, -1], [10, -0.5], [10, 0], [11.5, -1], [11.5, -0.5], [11.5, 0]]
    np.testing.assert_allclose(positions, expected)


def test_a_raster_begins_at_zero_unless_told():
    np.testing.assert_array_equal(raster((1, 2), (3, 4)), [[0, 0], [0, 4]])


# Objects --------------------------------------------------------------------------------------------------


def test_two_images_become_magnitude_and_phase():
    magnitude, phase = np.array([[2.0, 3.0, 4.0]]), np.array([[-10.0, 30.0, 10.0]])
    thing = transmission(magnitude, phase, 3.0)
    np.testing.assert_allclose(np.abs(thing), [[0, 0.5, 1]])
    np.testing.assert_allclose(np.angle(thing[0, 1:]), [3.0, 1.5])


@pytest.mark.parametrize("flat", [0, 1])
def test_an_image_without_contrast_is_refused(flat):
    images = [np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(2, 3)]
    images[flat] = np.full((2, 3), 7.0)
    with pytest.raises(InputError, match="7 everywhere has no contrast"):
        transmission(*images, 1.0)


@pytest.mark.parametrize(("shape", "first"), [((4, 7), (3, 1)), ((5, 8), (2, 1)), ((10, 10), (0, 0))])
def test_an_object_lies_in_the_middle_of_its_box_of_ones(shape, first):
    interior = np.random.default_rng(0).normal(size=(*shape, 2)) @ [1, 1j]
    box, support = embedded(interior, (10, 10))
    inside = tuple(slice(start, start + n) for start, n in zip(first, shape, strict=True))
    np.testing.assert_array_equal(box[inside], interior)
    assert support[inside].all()
    assert support.sum() == interior.size
    np.testing.assert_array_equal(box[~support], 1)


@pytest.mark.parametrize("shape", [(11, 4), (4, 11)])
def test_a_box_too_small_is_refused(shape):
    with pytest.raises(InputError, match=r"pixels does not fit a box of \(10, 10\)"):
        embedded(np.ones(shape, complex), (10, 10))
