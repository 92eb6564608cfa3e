"""Simulated measurements: where patterns are taken, of what, and how photons scatter."""

import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from ptychograd.core.errors import InputError
from ptychograd.models.simulation import PATTERNS_AT_ONCE, embedded, raster, simulate, transmission
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.noise import AbstractNoise, Amplitude

FRAME = (5, 8)


class Glow(AbstractModel):
    """Expected photons: a gradient over the frame, brighter by number."""

    brightness: Array

    def __call__(self, index):
        y, x = jnp.indices(FRAME)
        return self.brightness * (1.0 + index.astype(float)) * (1.0 + y.astype(float) + x / 8)


class Exact(AbstractNoise):
    """No noise at all, in whole numbers."""

    curvature = 1.0

    def nll(self, expected, measured):
        return expected - measured

    def fisher(self, expected):
        return expected

    def sample(self, key, expected):
        return jnp.round(expected).astype(int)


def glow(index):
    y, x = np.indices(FRAME)
    return 0.5 * (1 + index)[:, None, None] * (1 + y + x / 8)


# Counts ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scores():
    """How far the counts of two groups of patterns lie from their expectation, in standard deviations."""
    expected = glow(np.arange(2 * PATTERNS_AT_ONCE))
    return (simulate(Glow(jnp.array(0.5)), len(expected), seed=3) - expected) / np.sqrt(expected)


@pytest.mark.slow
def test_counts_scatter_like_photons(scores):
    assert scores.mean() == pytest.approx(0, abs=5 / np.sqrt(scores.size))
    assert scores.var() == pytest.approx(1, abs=5 * np.sqrt(3 / scores.size))
    assert np.abs(scores.mean(axis=0)).max() < 5 / np.sqrt(len(scores))


def test_no_two_groups_of_patterns_share_their_noise(scores):
    first, second = (part.ravel() for part in np.split(scores, 2))
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(first.size)


@pytest.mark.parametrize("count", [1, PATTERNS_AT_ONCE, PATTERNS_AT_ONCE + 3])
def test_every_pattern_is_there_in_order_whatever_their_number(count):
    patterns = simulate(Glow(jnp.array(0.5)), count, noise=Exact())
    np.testing.assert_array_equal(patterns, np.round(glow(np.arange(count))))


def test_the_seed_tells_every_count_and_noise_of_real_numbers_stays_real():
    first, again, other = (simulate(Glow(jnp.array(100.0)), 3, noise=Amplitude(), seed=seed) for seed in (3, 3, 4))
    assert again.tobytes() == first.tobytes()
    assert (other != first).all()
    assert first.dtype == np.float32
    assert (first != np.round(first)).any()


@pytest.mark.parametrize(
    ("largest", "dtype"), [(0, np.uint16), (65_534, np.uint16), (65_535, np.uint32), (200_000, np.uint32)]
)
def test_counts_come_in_the_smallest_type_that_holds_them(largest, dtype):
    """The largest number of a type stays free: detectors, and so our readers, mean a bad pixel by it."""
    patterns = simulate(Glow(jnp.array(largest / 5.875)), 1, noise=Exact())
    assert patterns.dtype == dtype
    assert patterns.max() == largest


# Raster ---------------------------------------------------------------------------------------------------


def test_a_raster_goes_row_by_row_from_its_start():
    positions = raster((2, 3), (1.5, 0.5), (10.0, -1.0))
    expected = [[10, -1], [10, -0.5], [10, 0], [11.5, -1], [11.5, -0.5], [11.5, 0]]
    np.testing.assert_allclose(positions, expected)


def test_a_raster_begins_at_zero_unless_told():
    np.testing.assert_array_equal(raster((1, 2), (3.0, 4.0)), [[0, 0], [0, 4]])


# Objects --------------------------------------------------------------------------------------------------


def test_two_images_become_magnitude_and_phase():
    magnitude, phase = np.array([[2.0, 3.0, 4.0]]), np.array([[-10.0, 30.0, 10.0]])
    object = transmission(magnitude, phase, 3.0)
    np.testing.assert_allclose(np.abs(object), [[0, 0.5, 1]])
    np.testing.assert_allclose(np.angle(object[0, 1:]), [3.0, 1.5])


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
