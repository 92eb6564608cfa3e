"""What the devices that share a batch tell each other."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import PyTree

from ptychograd.core.strict import promoted_by_jax


class Devices(eqx.Module):
    """The devices over which a batch is spread: the `axes` of their grid; none for one device alone.

    Every device works on the same program and its own patterns, and has to ask the others in the same order. What they
    answer is the same on all of them.
    """

    axes: tuple[str, ...] = eqx.field(static=True, default=())

    @property
    def is_one(self) -> bool:
        """Whether there is nobody to ask."""
        return not self.axes

    @property
    def count(self) -> int:
        """How many share a batch; to be asked where a batch is worked on."""
        return math.prod(jax.lax.axis_size(axis) for axis in self.axes)

    def summed(self, parts: PyTree) -> PyTree:
        """What all found in their parts of a batch, added up: in one message, as each takes its time."""
        if self.is_one:
            return parts
        with promoted_by_jax():  # of real and complex sums
            flat, restored = ravel_pytree(parts)
        return restored(jax.lax.psum(flat, self.axes))

    def stacked(self, patches: PyTree) -> PyTree:
        """What all found for each of their patterns, along the first axis; in one message for each type."""
        if self.is_one:
            return patches
        leaves, tree = jax.tree.flatten(patches)
        gathered = dict.fromkeys(range(len(leaves)))
        for dtype in dict.fromkeys(leaf.dtype for leaf in leaves):
            places = [place for place, leaf in enumerate(leaves) if leaf.dtype == dtype]
            rows = [leaves[place].reshape(len(leaves[place]), -1) for place in places]
            whole = jax.lax.all_gather(jnp.concatenate(rows, axis=1), self.axes, tiled=True)
            parts = jnp.split(whole, np.cumsum([row.shape[1] for row in rows])[:-1], axis=1)
            for place, part in zip(places, parts, strict=True):
                gathered[place] = part.reshape(-1, *leaves[place].shape[1:])
        return tree.unflatten(gathered.values())
