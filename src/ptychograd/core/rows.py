"""What belongs to one pattern among many: its number, and its row of an array that has one for each."""

from typing import SupportsIndex

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, Shaped

from ptychograd.core.errors import InputError
from ptychograd.core.strict import meant
from ptychograd.core.windows import Window, extract_window

Index = Int[Array, ""] | np.integer | int  # of a pattern, in code that is compiled and that is not
Number = Array | np.ndarray | np.generic | float | int | SupportsIndex  # what may be taken for one


@meant
def checked_index(index: Number, count: int) -> Int[Array, ""]:
    """The number of a pattern, as an array; raises `InputError` for one that is not from 0 to `count` - 1.

    JAX takes the last entry of an array for one beyond its end. Compiled code can't raise: see `nan_outside`.
    """
    index = index if isinstance(index, Array | np.ndarray | np.generic | int) else np.asarray(index)
    number = None if isinstance(index, Tracer) else np.asarray(jax.device_get(index))
    like = jnp.asarray(index) if number is None else number
    if like.shape or like.dtype.kind not in "iu":
        raise InputError("The number of a pattern has to be one whole number; for several, jax.vmap(model)(numbers).")
    if number is not None and not 0 <= number < count:
        raise InputError(f"There is no number {number} among {count} patterns or positions; expected 0 to {count - 1}.")
    return jnp.asarray(index)


def nan_outside(index: Int[Array, ""], count: int, dtype: np.dtype) -> Float[Array, ""]:
    """What is added to a pattern, so that one which does not exist shows in compiled code: 0, or NaN outside."""
    return jnp.where((index >= 0) & (index < count), jnp.zeros((), dtype), jnp.nan)


@meant
def row(array: Shaped[Array, "index *k"], index: Number) -> Shaped[Array, "*k"]:
    """Take the row that belongs to one pattern from an array with a row for each.

    Use it for arrays named in `per_pattern`: solvers may put the one row that a pattern sees in the place of the array,
    and that row comes back whatever the index.

    Args:
        array: (index, k), one row for each pattern, or (1, k), the row itself; or (index), one number for each.
        index: number of the pattern, from 0.

    Returns:
        the row (k), or the number.

    Raises:
        InputError: for a pattern that has no row; compiled code, which can't raise, gives NaN.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> jax.jit(pg.core.row)(jnp.array([[0.0, 1.0], [2.0, 3.0]]), 1).tolist()
        [2.0, 3.0]
    """
    if len(array) == 1:
        return array[0]
    if array.ndim == 1:
        return row(array[:, None], index)[0]
    index = checked_index(index, len(array))
    window = row_window(index, array.shape[1])
    found = extract_window(array, window.corner, window.shape)[0]
    return found + nan_outside(index, len(array), found.dtype) if jnp.issubdtype(found.dtype, jnp.inexact) else found


@meant
def row_window(index: Number, columns: int) -> Window:
    """Where the row of pattern `index` lies in an array (index, columns)."""
    index = jnp.asarray(index)
    return Window(index * jnp.array([1, 0], index.dtype), (1, columns))
