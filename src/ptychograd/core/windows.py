"""Windows: the part of a large array that one pattern sees.

A scan's object is much larger than the patch under the probe. Derivatives are taken with respect
to the patches of a batch, and only those are written back, so that the cost of a step follows the
patch and not the object. A window put in the place of its large array needs no other change to
the physics: cutting a window from an array of just that size is the identity, wherever the corner.

What is done to the windows of a batch has two forms, between which JAX chooses by the platform that a program is made
for: on a CPU one window after another, in slices, and elsewhere all of them at once, by gathers and scatters of real
numbers. An accelerator would start some kernels for every pattern of a loop, and has no atomic addition of complex
numbers. The sums agree up to rounding.
"""

from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree, Shaped

from ptychograd.core.parameters import map_with_names, matches
from ptychograd.core.strict import meant


class Window(eqx.Module):
    """The part of a large array that one pattern sees.

    A model names such parts by the path of the array in `AbstractModel.windows`, so that the cost of a step follows the
    window and not the whole array.

    Args:
        corner: first pixel (y, x) of the window, whole pixels of the array; (batch, 2) for several patterns.
        shape: size (y, x) of the window in pixels.

    Example:
        >>> model.windows(0)["object.transmission"].shape
        (20, 18)
    """

    corner: Int[Array, "*batch 2"]
    shape: tuple[int, int] = eqx.field(static=True)


Windows = dict[str, Window]  # by the path of the array that they look at


@meant
def extract_window(
    array: Shaped[Array, "*lead height width"], corner: Int[Array, "2"], shape: tuple[int, int]
) -> Shaped[Array, "*lead y x"]:
    """Cut the patch that one pattern sees out of a large array.

    An array that already has the size of the patch comes back as it is, wherever the corner: this is how solvers put a
    window in the place of its array. The window has to lie inside the array; JAX does not check that, and would give
    another patch.

    Args:
        array: the array (..., height, width), as the transmission of an object.
        corner: first pixel (y, x) of the patch, whole pixels.
        shape: size (y, x) of the patch in pixels.

    Returns:
        the patch (..., y, x).

    Example:
        >>> pg.extract_window(model.object.transmission, model.scan.corner[0], (20, 18)).shape
        (20, 18)
    """
    if array.shape[-2:] == shape:
        return array
    if not jnp.iscomplexobj(array):
        return _slice(array, corner, shape)

    def whole(array, corner):
        return _slice(array, corner, shape)

    def by_planes(array, corner):
        return jax.lax.complex(whole(array.real, corner), whole(array.imag, corner))

    return by_platform(whole, by_planes, array, corner)


def once(extracted_patches: Callable[[PyTree], PyTree], parameters: PyTree, windows: Windows) -> PyTree:
    """`cut_patches(parameters)`, done once and not again wherever the patches are used.

    XLA would fuse the cut into each of its uses, find that some come after the array was written
    to, and copy the whole array in every step of a loop (measured: docs/benchmarks.md). It does not
    look behind a condition; corners are never negative, which it can't know. On an accelerator there is no condition:
    the host would wait in every step to learn how it turned out.
    """
    patches = jax.eval_shape(extracted_patches, parameters)
    corner = next(iter(windows.values())).corner

    def never(_):
        return jax.tree.map(lambda patch: jnp.zeros(patch.shape, patch.dtype), patches)

    def behind_a_condition(parameters):
        return jax.lax.cond(corner.ravel()[0] >= 0, extracted_patches, never, parameters)

    return by_platform(behind_a_condition, extracted_patches, parameters)


def by_platform(on_cpu: Callable, on_accelerator: Callable, *arguments: PyTree) -> PyTree:
    """The one or the other function of the arguments, by the platform that a program is compiled for."""
    return jax.lax.platform_dependent(*arguments, cpu=on_cpu, default=on_accelerator)


def add(
    array: Shaped[Array, "*lead height width"],
    patch: Shaped[Array, "*lead y x"],
    corner: Int[Array, "2"],
) -> Shaped[Array, "*lead height width"]:
    """`array` with `patch` added at `corner`, the adjoint of `extract_window`."""
    return put(array, extract_window(array, corner, (patch.shape[-2], patch.shape[-1])) + patch, corner)


def put(
    array: Shaped[Array, "*lead height width"],
    patch: Shaped[Array, "*lead y x"],
    corner: Int[Array, "2"],
) -> Shaped[Array, "*lead height width"]:
    """`array` with `patch` in the place of what was at `corner`; a patch of the array's size is the new array."""
    if array.shape == patch.shape:
        return patch
    return jax.lax.dynamic_update_slice(array, patch, _start(array, corner))


def add_all(
    array: Shaped[Array, "*lead height width"],
    patches: Shaped[Array, "batch *lead y x"],
    corners: Int[Array, "batch 2"],
) -> Shaped[Array, "*lead height width"]:
    """`array` with every patch added at its corner.

    On a CPU one after another: a loop of slices is several times as fast as a scatter there, and in place.
    """
    if patches.shape[0] == 1:
        return add(array, patches[0], corners[0])

    def add_one(array, item):
        return add(array, *item), None

    def one_after_another(array, patches, corners):
        return jax.lax.scan(add_one, array, (patches, corners))[0]

    return by_platform(one_after_another, partial(_scattered, jax.lax.scatter_add), array, patches, corners)


def put_each(
    array: Shaped[Array, "*lead height width"],
    patches: Shaped[Array, "batch *lead y x"],
    corners: Int[Array, "batch 2"],
) -> Shaped[Array, "*lead height width"]:
    """`array` with every patch in the place of what was there; all at once, so patches agree where they overlap."""
    return _scattered(jax.lax.scatter, array, patches, corners)


def extract_each(array: Shaped[Array, "*lead height width"], window: Window) -> Shaped[Array, "batch *lead y x"]:
    """The patches of all windows: on a CPU one after another, many times as fast as all at once, which is a gather."""

    def one_after_another(array, corners):
        return jax.lax.scan(lambda _, corner: (None, extract_window(array, corner, window.shape)), None, corners)[1]

    def at_once(array, corners):
        lead = array.ndim - 2
        numbers = jax.lax.GatherDimensionNumbers(tuple(range(1, array.ndim + 1)), (), (lead, lead + 1))
        shape = array.shape[:lead] + window.shape
        return jax.lax.gather(array, corners, numbers, shape, mode=jax.lax.GatherScatterMode.CLIP)

    return by_platform(one_after_another, at_once, array, window.corner)


def extract_once(array: Shaped[Array, "*lead height width"], window: Window) -> Shaped[Array, "*lead y x"]:
    """The patch in one window, cut `once`: to be called where the array is written to afterwards."""
    return once(lambda array: extract_window(array, window.corner, window.shape), array, {"": window})


def overlapped(
    desk: Shaped[Array, "*lead height width"], patches: Shaped[Array, "batch *lead y x"], window: Window
) -> tuple[Shaped[Array, "batch *lead y x"], Shaped[Array, "*lead height width"]]:
    """For each window the sum of all patches where they overlap it; and the desk, an array of zeros, left as it was.

    It costs what the patches cost and not what the desk does: only what was written on is wiped.
    """
    desk = add_all(desk, patches, window.corner)
    sums = extract_each(desk, window)

    def wipe(desk, part):
        corner, total = part
        patch = extract_window(desk, corner, window.shape)
        # a bare 0 would wait for no reading, and XLA then copies the desk
        return put(desk, jnp.where(patch == total, 0, patch), corner), None

    def one_after_another(desk, sums, corners):
        return jax.lax.scan(wipe, desk, (corners, sums))[0]

    def at_once(desk, sums, corners):
        return put_each(desk, jnp.zeros_like(sums), corners)

    return sums, by_platform(one_after_another, at_once, desk, sums, window.corner)


def batch_axes(parameters: PyTree, windows: Windows) -> PyTree:
    """For `batched`: 0 where a leaf holds one patch a pattern, None where all patterns share the leaf."""
    return map_with_names(lambda name, _: None if window_of(name, windows) is None else 0, parameters)


def in_windows(parameters: PyTree, windows: Windows) -> tuple[PyTree, PyTree]:
    """The leaves that have windows, and the others; `equinox.combine` undoes it."""
    return eqx.partition(parameters, map_with_names(lambda name, _: window_of(name, windows) is not None, parameters))


def add_windows(parameters: PyTree, updates: PyTree, windows: Windows) -> PyTree:
    """`parameters + updates`, where leaves that have windows get their patches added, one a pattern."""

    def add_leaf(name, leaf, update):
        window = window_of(name, windows)
        return leaf + update if window is None else add_all(leaf, update, window.corner)

    return map_with_names(add_leaf, parameters, updates)


def dense(updates: PyTree, like: PyTree, windows: Windows) -> PyTree:
    """Updates in windows as full arrays shaped `like` the parameters."""

    def spread(name, leaf, update):
        window = window_of(name, windows)
        return update if window is None else add_all(jnp.zeros_like(leaf), update, window.corner)

    return map_with_names(spread, like, updates)


def window_of(name: str, windows: Windows) -> Window | None:
    """The window through which the array called `name` is seen, if there is one."""
    for path, window in windows.items():
        if matches(name, path):
            return window
    return None


def _slice(
    array: Shaped[Array, "*lead height width"], corner: Int[Array, "2"], shape: tuple[int, int]
) -> Shaped[Array, "*lead y x"]:
    return jax.lax.dynamic_slice(array, _start(array, corner), array.shape[:-2] + shape)


def _scattered(
    scatter: Callable,
    array: Shaped[Array, "*lead height width"],
    patches: Shaped[Array, "batch *lead y x"],
    corners: Int[Array, "batch 2"],
) -> Shaped[Array, "*lead height width"]:
    """All patches at their corners at once, real and imaginary part apart."""
    if jnp.iscomplexobj(array):
        planes = ((array.real, patches.real), (array.imag, patches.imag))
        return jax.lax.complex(*(_scattered(scatter, *plane, corners) for plane in planes))
    lead = array.ndim - 2
    numbers = jax.lax.ScatterDimensionNumbers(tuple(range(1, patches.ndim)), (), (lead, lead + 1))
    return scatter(array, corners, patches, numbers, mode=jax.lax.GatherScatterMode.CLIP)


def _start(array: Array, corner: Int[Array, "2"]) -> tuple:
    zero = jnp.zeros((), corner.dtype)
    return (zero,) * (array.ndim - 2) + (corner[0], corner[1])
