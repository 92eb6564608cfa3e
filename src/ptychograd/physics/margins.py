"""Arrays that get more pixels at their sides, for finer grids and for positions that may move."""

from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped

from ptychograd.core.errors import InputError
from ptychograd.core.overriding import refused
from ptychograd.core.parameters import is_parameter, trainable_names

Part = TypeVar("Part", bound=eqx.Module)
Margins = tuple[tuple[int, int], tuple[int, int]]  # pixels added before and behind, along y and along x


GRID, ONCE = "Oversampling changes the grid of the whole model", "put it in once, before any other part"


def grid_refusal(part: object, method: str) -> InputError:
    """What is said of a part whose grid can't be changed any more, by the method that would do it."""
    return refused(part, method, GRID, ONCE)


def with_margin(part: Part, margin: int) -> Part:
    """The part with that many more pixels on every side of all its arrays (..., y, x)."""
    shapes = {leaf.shape[-2:] for leaf in jax.tree.leaves(part) if is_parameter(leaf) and leaf.ndim > 1}
    if len(shapes) != 1:
        names = ", ".join(trainable_names(part))
        raise InputError(f"An object with arrays of {len(shapes)} sizes ({names}) can't be given a margin.")
    (shape,) = shapes

    def pad(leaf: Shaped[Array | np.ndarray, "..."]) -> Shaped[Array | np.ndarray, "..."]:
        if not isinstance(leaf, jax.Array) or leaf.shape[-2:] != shape:  # kernels and other constants are NumPy's
            return leaf
        width = ((0, 0),) * (leaf.ndim - 2) + ((margin, margin),) * 2
        return jnp.pad(leaf, width) if leaf.dtype == bool else jnp.pad(leaf, width, mode="symmetric")

    return jax.tree.map(pad, part)
