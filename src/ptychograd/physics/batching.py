"""Functions of one pattern made functions of a batch: the only place where a batch axis appears."""

from collections.abc import Callable

import jax


def batched(function: Callable, axes: tuple) -> Callable:
    """`function` of one pattern made one of a batch.

    `axes` holds, for each argument, a tree of 0 (one entry a pattern) and None (shared), as for
    `jax.vmap`. A batch of one is called as it is, which compiles to less.
    """

    def over_batch(*arguments):
        if _batch_size(axes, arguments) == 1:
            first = _where_batched(lambda x: x[0], axes, arguments)
            return jax.tree.map(lambda x: x[None], function(*first))
        return jax.vmap(function, in_axes=axes)(*arguments)

    return over_batch


def _where_batched(change: Callable, axes: tuple, arguments: tuple) -> tuple:
    """`arguments` with `change` made to every array that has a batch axis."""
    return jax.tree.map(
        lambda axis, part: part if axis is None else jax.tree.map(change, part),
        axes,
        arguments,
        is_leaf=lambda axis: axis is None,
    )


def _batch_size(axes: tuple, arguments: tuple) -> int:
    sizes = set()
    _where_batched(lambda x: sizes.add(x.shape[0]), axes, arguments)
    (size,) = sizes
    return size
