"""Windows: cutting what one pattern sees of a large array, and adding it back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from problems import complex_array
from ptychograd.core.parameters import Planes
from ptychograd.core.rows import row
from ptychograd.core.windows import (
    Window,
    add,
    add_all,
    add_windows,
    batch_axes,
    dense,
    extract_window,
    once,
    window_of,
)

OBJECT, FRAME = (9, 12), (4, 5)
CORNERS = np.array([[0, 0], [1, 2], [1, 3], [5, 7], [1, 2]])  # they overlap, and one is there twice
pytestmark = pytest.mark.usefixtures("double")


def numpy_sum(array, patches, corners):
    """`array` with patches added one after another in plain NumPy."""
    total = np.array(array)
    for patch, (y, x) in zip(patches, corners, strict=True):
        total[..., y : y + patch.shape[-2], x : x + patch.shape[-1]] += patch
    return total


# One window -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
@pytest.mark.parametrize("corner", CORNERS[:4])
def test_cut_is_a_slice_of_the_last_two_axes(lead, corner):
    array = jnp.asarray(complex_array(*lead, *OBJECT))
    (y, x), (height, width) = corner, FRAME
    np.testing.assert_array_equal(
        extract_window(array, jnp.asarray(corner), FRAME), array[..., y : y + height, x : x + width]
    )


@pytest.mark.parametrize("corner", [(0, 0), (3, 1), (100, -7)])
def test_cutting_an_array_of_the_windows_size_is_the_identity_at_any_corner(corner):
    array = jnp.asarray(complex_array(2, *FRAME))
    assert extract_window(array, jnp.array(corner), FRAME) is array


@pytest.mark.parametrize("shape", [OBJECT, FRAME])
@pytest.mark.parametrize("lead", [(), (3,)])
def test_add_is_the_adjoint_of_cut(shape, lead):
    array, patch = jnp.asarray(complex_array(*lead, *shape)), jnp.asarray(complex_array(*lead, *FRAME, seed=1))
    corner = jnp.array([2, 6])
    back = add(jnp.zeros_like(array), patch, corner)
    assert np.vdot(patch, extract_window(array, corner, FRAME)) == pytest.approx(np.vdot(back, array), rel=1e-12)


def test_add_is_what_differentiation_makes_of_cut():
    array, patch, corner = (
        jnp.asarray(complex_array(*OBJECT)).real,
        jnp.asarray(complex_array(*FRAME)).real,
        jnp.array([5, 7]),
    )
    _, transpose = jax.vjp(lambda array: extract_window(array, corner, FRAME), array)
    np.testing.assert_array_equal(transpose(patch)[0], add(jnp.zeros_like(array), patch, corner))


# Several windows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "lead"), [(1, ()), (5, ()), (5, (2,))])
def test_overlapping_patches_add_up(count, lead):
    array, patches = (
        jnp.asarray(complex_array(*lead, *OBJECT)),
        jnp.asarray(complex_array(count, *lead, *FRAME, seed=1)),
    )
    added = add_all(array, patches, jnp.asarray(CORNERS[:count]))
    np.testing.assert_allclose(added, numpy_sum(array, patches, CORNERS[:count]), atol=1e-14)


@pytest.mark.parametrize("count", [1, 3])
def test_patches_of_an_array_of_their_own_size_add_up_whatever_the_corner(count):
    array, patches = jnp.asarray(complex_array(*FRAME)), jnp.asarray(complex_array(count, *FRAME, seed=1))
    np.testing.assert_allclose(
        add_all(array, patches, jnp.asarray(CORNERS[:count])), array + patches.sum(axis=0), atol=1e-14
    )


def parameters_and_updates(count):
    """An object in planes that is seen through windows, and a probe that is shared."""
    whole, patches = jnp.asarray(complex_array(*OBJECT)), jnp.asarray(complex_array(count, *FRAME, seed=1))
    parameters = {"object": Planes(whole.real, whole.imag), "probe": jnp.asarray(complex_array(2, *FRAME, seed=2))}
    updates = {"object": Planes(patches.real, patches.imag), "probe": jnp.asarray(complex_array(2, *FRAME, seed=3))}
    return parameters, updates, {"object": Window(jnp.asarray(CORNERS[:count]), FRAME)}


@pytest.mark.parametrize("count", [1, 5])
def test_adding_in_windows_equals_adding_the_dense_sum(count):
    parameters, updates, windows = parameters_and_updates(count)
    in_windows = add_windows(parameters, updates, windows)
    full = dense(updates, parameters, windows)
    planes = (tree["object"] for tree in (in_windows, parameters, updates))
    for plane, before, patches in zip(*planes, strict=True):
        np.testing.assert_allclose(plane, numpy_sum(before, patches, CORNERS[:count]), atol=1e-14)
    for ours, start, change in zip(*map(jax.tree.leaves, (in_windows, parameters, full)), strict=True):
        np.testing.assert_allclose(ours, start + change, atol=1e-14)
    assert full["probe"] is updates["probe"]


def test_only_arrays_with_windows_have_a_batch_axis():
    parameters, _, windows = parameters_and_updates(2)
    assert batch_axes(parameters, windows) == {"object": Planes(0, 0), "probe": None}


def test_a_window_belongs_to_its_path_and_to_all_below_it():
    window = Window(jnp.array([[0, 0]]), FRAME)
    assert window_of("object.transmission", {"object": window}) is window
    assert window_of("object.transmission", {"object.transmission": window}) is window
    assert window_of("object_tilt", {"object": window}) is None
    assert window_of("probe.modes", {}) is None


def test_cutting_once_changes_no_number():
    parameters, _, windows = parameters_and_updates(1)

    def extracted_patches(tree):
        return {"object": extract_window(tree["object"].real, windows["object"].corner[0], FRAME), "probe": None}

    for run in (once, jax.jit(once, static_argnums=0)):
        patches = run(extracted_patches, parameters, windows)
        np.testing.assert_array_equal(patches["object"], extracted_patches(parameters)["object"])
        assert patches["probe"] is None


def test_a_row_of_one_number_is_that_number():
    numbers = jnp.array([3.0, 5.0, 7.0])
    assert float(jax.jit(row)(numbers, 1)) == 5.0
    assert float(row(numbers[1:2], 9)) == 5.0
