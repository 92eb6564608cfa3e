"""Objects: what they make of the incident wave, and what of them is known beforehand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from problems import complex_array
from ptychograd.physics.objects import SupportedObject, ThinObject

BOX, FRAME, CORNER = (9, 12), (4, 5), (3, 6)
INSIDE = (slice(2, 6), slice(4, 9))  # the support: the window has a part of it, and a part beside it
pytestmark = pytest.mark.usefixtures("double")


def a_support():
    support = np.zeros(BOX, bool)
    support[INSIDE] = True
    return support


def under_the_window(array):
    return array[CORNER[0] : CORNER[0] + FRAME[0], CORNER[1] : CORNER[1] + FRAME[1]]


def embedded(transmission):
    return SupportedObject(jnp.asarray(transmission), jnp.asarray(a_support()))


def test_a_thin_object_multiplies_every_mode_with_the_patch_under_the_window():
    transmission, wave = complex_array(*BOX), complex_array(3, *FRAME, seed=1)
    exit_wave = ThinObject(jnp.asarray(transmission))(jnp.asarray(wave), jnp.array(CORNER))
    np.testing.assert_allclose(exit_wave, wave * under_the_window(transmission), atol=1e-14)


def test_a_thin_object_is_free_everywhere():
    assert ThinObject(jnp.asarray(complex_array(*BOX))).free(jnp.array(CORNER), FRAME) == 1


@pytest.mark.parametrize("rubbish", [0, 7 - 3j, np.inf, np.nan])
def test_an_embedded_object_is_one_outside_its_support_whatever_the_array_holds(rubbish):
    transmission = complex_array(*BOX)
    seen = under_the_window(np.where(a_support(), transmission, 1))
    assert 0 < np.count_nonzero(seen == 1) < seen.size
    object = embedded(np.where(a_support(), transmission, rubbish))
    np.testing.assert_array_equal(object.patch(jnp.array(CORNER), FRAME), seen)
    wave = complex_array(2, *FRAME, seed=1)
    np.testing.assert_allclose(object(jnp.asarray(wave), jnp.array(CORNER)), wave * seen, atol=1e-14)


@pytest.mark.parametrize("rubbish", [0, 7 - 3j, np.inf, np.nan])
def test_nothing_outside_the_support_has_a_derivative(rubbish):
    start = np.where(a_support(), complex_array(*BOX), rubbish)
    wave = jnp.asarray(complex_array(2, *FRAME, seed=1))

    def brightness(transmission):
        return jnp.sum(jnp.abs(embedded(transmission)(wave, jnp.array(CORNER))) ** 2)

    gradient = jax.jit(jax.grad(brightness))(jnp.asarray(start))
    seen = np.zeros(BOX, bool)
    under_the_window(seen)[...] = True
    expected = 2 * start.conj()[a_support() & seen] * under_the_window_power(wave)[a_support() & seen]
    np.testing.assert_allclose(gradient[a_support() & seen], expected, rtol=1e-12)
    np.testing.assert_array_equal(gradient[~(a_support() & seen)], 0)


def under_the_window_power(wave):
    """Σ|P|² placed where the window lies on the box."""
    power = np.zeros(BOX)
    under_the_window(power)[...] = np.sum(np.abs(wave) ** 2, axis=0)
    return power


def test_free_tells_the_support_under_the_window():
    free = embedded(complex_array(*BOX)).free(jnp.array(CORNER), FRAME)
    np.testing.assert_array_equal(free, under_the_window(a_support()).astype(float))
    assert free.dtype == jnp.float64


def test_a_window_in_the_place_of_the_array_meets_the_same_part_of_the_support():
    """Solvers replace the transmission by its window; the support stays whole and must be cut as before."""
    whole, corner = embedded(complex_array(*BOX)), jnp.array(CORNER)
    window = eqx.tree_at(lambda part: part.transmission, whole, replace_fn=under_the_window)
    assert window.transmission.shape == FRAME
    np.testing.assert_array_equal(window.patch(corner, FRAME), whole.patch(corner, FRAME))
