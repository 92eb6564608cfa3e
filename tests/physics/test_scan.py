"""Positions in pixels: corner of the window and sub-pixel rest."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import near_problems
import problems
import ptychograd as pg
from ptychograd.core.errors import InputError
from ptychograd.core.parameters import partition
from ptychograd.fitting.objective import Batch, Objective
from ptychograd.physics.scan import (
    WHOLE_PIXEL_TOLERANCE,
    AffineParts,
    SubPixelScan,
    WholePixelScan,
    affine_of,
    affine_parts,
    make_scan,
    refinable,
)

POSITIONS = np.array([[0.0, 0.0], [3.2, 7.9], [12.49, 0.51], [0.5, 1.5], [2.0, 11.0]])


def test_corner_and_shift_add_up_to_the_position():
    with jax.enable_x64(True):
        scan = make_scan(POSITIONS, np.float64)
        for index, position in enumerate(POSITIONS):
            corner, shift = scan(jnp.array(index))
            np.testing.assert_allclose(np.add(corner, shift), position, atol=1e-14)
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


# Refinable positions ---------------------------------------------------------------------------------------

MOVES = np.array([[0.0, 0.0], [3.0, -2.0], [0.33, 0.47], [-2.71, 1.63], [4.47, -0.54], [0.0, 0.0]])


def refinable_model(near: bool, moved: np.ndarray, **corrections):
    """A model whose nominal positions are moved, in an object with a margin, and then corrected."""
    problem = near_problems if near else problems
    dtype, frame = np.complex128, problem.FRAME
    shape = np.array(problem.OBJECT)
    corners = problem.positions()[::7][: len(MOVES)] * 0.8 + np.array([0.2, 0.35])
    object = pg.physics.ThinObject(jnp.asarray(problem.object_wave(), dtype))
    lengths = near_problems.SAMPLING, near_problems.GEOMETRY.wavelength, near_problems.DISTANCE
    space = pg.physics.Fresnel(frame, *lengths, dtype) if near else pg.physics.FarField(frame, dtype)
    probe = pg.physics.Probe(jnp.asarray(problem.probe_wave()[None], dtype))
    scan, detector = pg.physics.make_scan(corners, np.float64), pg.physics.Detector(jnp.asarray(0.5))
    model = pg.Ptychography(object, probe, scan, space, detector, frame)
    model = pg.models.with_refinable_positions(model, 8)
    assert model.object.transmission.shape == tuple(shape + 16)
    nominal = corners + 8 + moved
    whole = np.round(nominal)
    where = lambda model: (model.scan.corner, model.scan.shift)  # noqa: E731
    model = eqx.tree_at(where, model, (jnp.asarray(whole, jnp.int32), jnp.asarray(nominal - whole)))
    return eqx.tree_at(lambda model: model.scan, model, model.scan.with_corrections(**corrections)), corners


@pytest.mark.slow
@pytest.mark.parametrize("near", [False, True])
def test_an_offset_is_a_nominal_position_that_moved(near):
    """By whole pixels and by parts of one, over the borders of pixels and within."""
    with jax.enable_x64(True):
        moved, _ = refinable_model(near, MOVES)
        offset, _ = refinable_model(near, 0 * MOVES, offset=MOVES)
        for index in range(len(MOVES)):
            pair = (problems.pattern(model, index) for model in (offset, moved))
            np.testing.assert_allclose(*pair, rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(offset.scan.corners(), [moved.scan(jnp.array(k))[0] for k in range(len(MOVES))])


@pytest.mark.slow
def test_affine_and_drift_move_positions_as_they_say():
    with jax.enable_x64(True):
        affine = affine_of(AffineParts(1.03, 0.98, 0.02, -0.04))
        drift = np.array([[0.4, -0.3], [0.2, 0.1], [0.0, 0.25]])
        model, corners = refinable_model(False, 0 * MOVES, affine=affine, drift=drift)
        time = np.linspace(-1, 1, len(MOVES))
        polynomials = np.polynomial.legendre.legvander(time, 3)[:, 1:]
        expected = (corners - corners.mean(axis=0)) @ affine.T + polynomials @ drift
        np.testing.assert_allclose(model.scan.corrections(), expected, atol=1e-12)
        for index, (position, correction) in enumerate(zip(corners, expected, strict=True)):
            corner, shift = model.scan(jnp.array(index))
            np.testing.assert_allclose(np.add(corner, shift), position + 8 + correction, atol=1e-12)
            assert np.abs(shift).max() <= 0.5 + 1e-12


def test_scale_shear_and_rotation_of_an_affine():
    parts = AffineParts(1.02, 0.97, 0.03, -0.2)
    np.testing.assert_allclose(affine_parts(affine_of(parts)), parts, rtol=1e-12)
    turned = (np.eye(2) + affine_of(AffineParts(1.0, 1.0, 0.0, 0.1))) @ [1.0, 0.0]
    np.testing.assert_allclose(turned, [np.cos(0.1), np.sin(0.1)])  # y towards x


@pytest.mark.variants
@pytest.mark.parametrize("near", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize("path", ["offset", "affine", "drift"])
def test_the_derivative_by_a_position_is_that_of_finite_differences(near, path):
    """Through the sub-pixel shift; the gradient comes by rows, as solvers take it."""
    with jax.enable_x64(True):
        model, _ = refinable_model(near, 0 * MOVES, offset=0.07 * MOVES)  # off the borders of pixels
        every = jnp.arange(len(MOVES))
        target = jax.jit(jax.vmap(model))(every) * 1.1 + 3

        @jax.jit
        def loss(value):
            changed = eqx.tree_at(lambda model: getattr(model.scan, path), model, value)
            return jnp.sum((jnp.sqrt(jax.vmap(changed)(every)) - jnp.sqrt(target)) ** 2)

        value, small = getattr(model.scan, path), 1e-5
        gradient = jax.jit(jax.grad(loss))(value)
        for place in ((1, 0), (1, 1)):
            up, down = (loss(value.at[place].add(sign * small)) for sign in (1, -1))
            np.testing.assert_allclose(gradient[place], (up - down) / (2 * small), rtol=1e-5)
        if path == "offset":
            free, rest = partition(model, ["scan.offset"])
            objective = Objective(rest, pg.Amplitude())
            which = jnp.array([3, 1])
            batch = Batch(pg.physics.Group(which), target[which], jnp.ones(target.shape[1:], bool), jnp.ones(2))
            _, rows = jax.jit(lambda free: objective.value_and_gradient(free, batch))(free)
            assert rows.values.scan.offset.shape == (2, 1, 2)
            np.testing.assert_allclose(rows.values.scan.offset[:, 0], gradient[which], rtol=1e-9)


def test_the_mean_is_removed_unless_a_surround_tells_it():
    offset = jnp.asarray(MOVES + np.array([0.5, -0.25]), jnp.float32)
    scan = eqx.tree_at(
        lambda scan: scan.offset, refinable(pg.physics.make_scan(POSITIONS[[0, 1, 2, 3, 4, 0]]), 8), offset
    )
    np.testing.assert_allclose(scan.gauge_fixed()[0]["offset"], MOVES - MOVES.mean(axis=0), atol=1e-6)
    anchored = refinable(pg.physics.make_scan(POSITIONS[[0, 1, 2, 3, 4, 0]]), 8, is_anchored=True)
    anchored = eqx.tree_at(lambda scan: scan.offset, anchored, offset)
    np.testing.assert_array_equal(anchored.gauge_fixed()[0]["offset"], offset)
    assert pg.models.with_refinable_positions(pg.near_field(near_problems.measurement())).scan.is_anchored


@pytest.mark.slow
def test_corrections_are_bounded_and_find_back():
    scan = refinable(pg.physics.make_scan(POSITIONS), 3, is_anchored=True)
    scan = eqx.tree_at(lambda scan: scan.offset, scan, scan.offset.at[1].set(jnp.array([7.0, -9.0])))
    np.testing.assert_allclose(scan.corrections()[1], [3, -3])
    np.testing.assert_allclose(scan.gauge_fixed()[0]["offset"][1], [3, -3], atol=1e-6)
    slope = jax.grad(lambda offset: eqx.tree_at(lambda s: s.offset, scan, offset)(jnp.array(1))[1].sum())(scan.offset)
    np.testing.assert_array_equal(slope[1], 1)
    corners = scan.corners()
    assert corners.min() >= 0
    np.testing.assert_array_equal(corners[1], [3 + 3 + 3, 8 + 3 - 3])


def test_what_cannot_be_refined_is_refused():
    model = problems.start_model(problems.measurement())
    with pytest.raises(InputError, match="expected 1 or more"):
        pg.models.with_refinable_positions(model, 0)
    with pytest.raises(InputError, match="can be refined already"):
        pg.models.with_refinable_positions(pg.models.with_refinable_positions(model))
