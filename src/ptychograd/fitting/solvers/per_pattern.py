"""How arrays with one row a pattern move: only the rows that a batch saw, on a scale that all rows share."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

MEMORY = 0.5  # of a row's last direction, from one time that it is seen to the next
AVERAGED = 0.95  # from one batch to the next, of the mean square of gradients
FARTHEST = 2.0  # steps at once
TINY = 1e-30  # of a mean square


class PerPatternState(NamedTuple):
    """Directions remembered, the mean square of the gradients of rows that were seen, and the steps done.

    Adam gives each number a scale of its own. Of a pattern that hardly tells its row (its position, where the object is
    flat) it makes noise as large as anybody's step. With one scale for all rows such a row stays where it is
    (measured: far field, 1e6 photons, positions right at the start, 0.35 pixels rms with Adam and 0.05 so).
    """

    direction: Float[Array, "index k"]
    square: Float[Array, ""]
    age: Int[Array, ""]

    @classmethod
    def of(cls, array: Float[Array, "index k"]) -> "PerPatternState":
        """Before the first step."""
        return cls(jnp.zeros_like(array), jnp.zeros((), array.dtype), jnp.zeros((), jnp.int32))

    def followed_by(self, gradient: Float[Array, "index k"]) -> tuple[Float[Array, "index k"], "PerPatternState"]:
        """Where a batch with this gradient leads, in steps, and what is remembered after it."""
        seen = jnp.any(gradient != 0, axis=1, keepdims=True)
        count = jnp.maximum(jnp.sum(seen), 1) * gradient.shape[1]
        power = jnp.sum(gradient**2)
        square = AVERAGED * self.square + (1 - AVERAGED) * power / count.astype(power.dtype)
        age = self.age + 1
        mean = square / (1 - jax.lax.pow(jnp.asarray(AVERAGED, square.dtype), age))
        direction = jnp.where(seen, MEMORY * self.direction + gradient, self.direction)
        steps = jnp.clip(direction / jnp.sqrt(jnp.maximum(mean, TINY)), -FARTHEST, FARTHEST)
        return jnp.where(seen, steps, 0), PerPatternState(direction, square, age)
