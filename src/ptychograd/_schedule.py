"""The plan of a run: which patterns make up which minibatch, and when the steps get smaller."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt

WARM = 0.7  # of a run's epochs are done with full steps


def batches(
    order: UInt[Array, "2"], count: int, batch_size: int, real: np.dtype
) -> tuple[Int[Array, "step batch"], Float[Array, "step batch"]]:
    """Which patterns make up each minibatch of an epoch: as few as `batch_size` allows, of equal size.

    Where sizes differ by one, the smaller batches are filled up with a pattern of weight 0.
    """
    steps = -(-count // batch_size)
    first = np.arange(steps + 1) * count // steps
    place = first[:-1, None] + np.arange(np.diff(first).max())
    weight = place < first[1:, None]
    key = jax.random.fold_in(jax.random.key(order[0]), order[1])
    index = jax.random.permutation(key, count)[np.where(weight, place, 0)]
    return index, jnp.asarray(weight, real)


def cooling(done: int, last: int) -> tuple[float, float]:
    """How far a run of `last` epochs has cooled before and after its next one: from 70 % of them on."""
    before, after = (max(0.0, (epochs / last - WARM) / (1 - WARM)) for epochs in (done, done + 1))
    return before, after
