"""Positions in pixels: corner of the window and sub-pixel rest."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ptychograd._errors import InputError
from ptychograd._scan import WHOLE_PIXEL_TOLERANCE, SubPixelScan, WholePixelScan, make_scan

POSITIONS = np.array([[0.0, 0.0], [3.2, 7.9], [12.49, 0.51], [0.5, 1.5], [2.0, 11.0]])


def test_corner_and_shift_add_up_to_the_position():
    with jax.enable_x64(True):
        scan = make_scan(POSITIONS, np.float64)
        for index, position in enumerate(POSITIONS):
            corner, shift = scan(jnp.array(index))
            np.testing.assert_allclose(corner + shift, position, atol=1e-14)
            assert np.abs(shift).max() <= 0.5
            assert jnp.issubdtype(corner.dtype, jnp.integer)


def test_rows_come_before_columns():
    corner, shift = make_scan(POSITIONS)(jnp.array(1))
    np.testing.assert_array_equal(corner, [3, 8])
    np.testing.assert_allclose(shift, [0.2, -0.1], atol=1e-6)


def test_positions_between_pixels_need_a_sub_pixel_scan():
    scan = make_scan(POSITIONS)
    assert isinstance(scan, SubPixelScan)
    assert scan.shift.dtype == jnp.float32


@pytest.mark.parametrize("excess", [0.0, 0.9 * WHOLE_PIXEL_TOLERANCE, -0.9 * WHOLE_PIXEL_TOLERANCE])
def test_positions_on_pixels_need_no_shift(excess):
    """Positions in metres over a sampling are never quite whole; a negative rest is one as well."""
    scan = make_scan(np.array([[0.0, 5.0], [3.0, 2.0]]) + np.array([[0, 0], [excess, 0]]))
    assert isinstance(scan, WholePixelScan)
    corner, shift = scan(jnp.array(1))
    np.testing.assert_array_equal(corner, [3, 2])
    assert shift is None


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("sign", [1, -1])
def test_one_position_between_pixels_is_enough(axis, sign):
    positions = np.full((4, 2), 6.0)
    positions[3, axis] += sign * 1.1 * WHOLE_PIXEL_TOLERANCE
    assert isinstance(make_scan(positions), SubPixelScan)


@pytest.mark.parametrize("low", [-0.3, -1e-9])
def test_a_position_that_rounds_to_the_first_pixel_is_inside(low):
    """Its window begins at pixel 0; the probe is shifted by the rest, to the left as well as to the right."""
    corner, shift = make_scan(np.array([[low, 2.4], [3.0, 0.0]]))(jnp.array(0))
    np.testing.assert_array_equal(corner, [0, 2])
    np.testing.assert_allclose(shift, [low, 0.4], atol=1e-6)


def test_a_window_that_begins_outside_the_object_is_refused():
    with pytest.raises(InputError, match=r"begins at -0\.6 pixels, outside the object"):
        make_scan(np.array([[0.0, 2.4], [3.0, -0.6]]))


@pytest.mark.parametrize("positions", [POSITIONS, np.round(POSITIONS)])
def test_the_index_may_be_traced(positions):
    scan = make_scan(positions)
    corner, shift = jax.jit(lambda scan, index: scan(index))(scan, jnp.array(2))
    np.testing.assert_array_equal(corner, scan.corner[2])
    assert shift is None or np.array_equal(shift, scan.shift[2])
