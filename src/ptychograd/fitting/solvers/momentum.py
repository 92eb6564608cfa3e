"""How far a step goes, and how long it is remembered: the pace of accelerated descent."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

NOISY_BATCH = 2  # patterns of a batch whose gradient is as noisy as it is strong: half of the step is taken
LOCAL_GAIN, MOST_LOCAL_GAIN = 1.4, 1.15  # of the step, where the misfit is local
STEPS_OF_GROWTH = 5  # that make the memory one step longer there
REMEMBERED = 25  # steps for which batches that differ by as much as they have in common are remembered
LEAST_NOISE = 1e-3  # below which batches are alike, as those of all patterns are
STEPS_OF_AVERAGE = 50  # over which the usual illumination, and how much a batch differs from it, are averaged

Scalar = Float[Array, ""]
Number = Scalar | float


class MomentumSchedule(NamedTuple):
    """Step size before cooling, and momentum."""

    step_size: Scalar
    momentum: Scalar


class Past(NamedTuple):
    """Steps done; how much a batch's diagonals differ from the usual ones, Σ(w - W)² / ΣW²; and these, W."""

    age: Scalar
    noise: Scalar
    usual: dict[str, Float[Array, "..."]]

    def followed_by(self, diagonals: dict[str, Float[Array, "..."]]) -> "Past":
        """After one more batch; only diagonals whose usual values are kept count."""
        share = 1 / jnp.minimum(self.age + 1, STEPS_OF_AVERAGE)
        usual = {name: mean + share * (diagonals[name] - mean) for name, mean in self.usual.items()}
        noises = [_relative_power(diagonals[name] - mean, mean) for name, mean in usual.items()]
        noise = self.noise + share * (jnp.max(jnp.stack(noises)) - self.noise) if noises else self.noise
        return Past(self.age + 1, noise, usual)


def steady_momentum(step_size: Number, momentum: Number, patterns: Scalar) -> MomentumSchedule:
    """The same pace from first to last, slower for batches of few patterns."""
    return MomentumSchedule(step_size / (1 + NOISY_BATCH / patterns), jnp.asarray(momentum, patterns.dtype))


def growing_momentum(
    step_size: Number, momentum: tuple[Number, Number], past: Past, warmth: Scalar
) -> MomentumSchedule:
    """A memory that grows with the steps done, from the first to the second `momentum`, and shrinks when it is cold.

    Batches that light the object unevenly make gradients noisy, which bounds step and memory alike.
    """
    shortest, longest = (1 / (1 - m) for m in momentum)
    bearable = REMEMBERED / jnp.maximum(past.noise, LEAST_NOISE) ** 2
    grown = jnp.minimum(shortest + past.age / STEPS_OF_GROWTH, jnp.minimum(longest, bearable))
    memory = shortest + warmth**2 * (jnp.maximum(grown, shortest) - shortest)
    gain = jnp.minimum(LOCAL_GAIN / (1 + past.noise), MOST_LOCAL_GAIN)
    return MomentumSchedule(gain * step_size, 1 - 1 / memory)


def _relative_power(one: Float[Array, "..."], other: Float[Array, "..."]) -> Scalar:
    power = jnp.vdot(other, other)
    return jnp.where(power > 0, jnp.vdot(one, one) / jnp.where(power > 0, power, 1), 0)
