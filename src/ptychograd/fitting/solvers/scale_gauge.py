"""The scale between object and probe, which no pattern tells: held by the probe's power.

An exit wave is a product P O, so P / s and O s make the same patterns for any number s, and the misfit is flat along
s. Left to itself s wanders off without end, as noise makes one of the two grow. So each step ends where the probe has
the power that it had before: with r = sqrt(Σ|P|² / Σ|P'|²), r P' takes the place of P' and O' / r that of O' (through
n slices, r^(-1/n) O'). Velocities are scaled alike, and no pattern changes. For solvers that let s wander
`Objective.scaled_back` does so after an epoch that took it far. A constraint that fixes the scale ends this freedom.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ptychograd.fitting.objective import Objective
from ptychograd.fitting.solvers.moving import AbstractMoving, Whole
from ptychograd.physics.model import AbstractExitWaveModel

TINY = 1e-30  # of a power, above zero


def with_probe_power(
    objective: Objective,
    model: AbstractExitWaveModel | None,
    before: dict[str, AbstractMoving],
    moved: dict[str, AbstractMoving],
) -> dict[str, AbstractMoving]:
    """`moved` with the probe's power as `before`, where only its product with the object counts."""
    free = model.free_scale if model is not None and not objective.scale_fixed else None
    if free is None or not all(name in moved for name in (free.object, *free.probe)):
        return moved
    one, other = before[free.probe[0]], moved[free.probe[0]]
    if not (isinstance(one, Whole) and isinstance(other, Whole)):
        raise TypeError(f"the power of {free.probe[0]} is asked for at every step, but only windows of it are known")
    ratio = jnp.sqrt(_power(one.position) / jnp.maximum(_power(other.position), TINY))
    probes = {name: moved[name].times(ratio) for name in free.probe}
    back = 1 / ratio if free.power == 1 else ratio ** (-1 / free.power)
    return moved | probes | {free.object: moved[free.object].times(back)}


def _power(leaf: PyTree) -> Float[Array, ""]:
    return jnp.asarray(sum(jnp.vdot(plane, plane) for plane in jax.tree.leaves(leaf)))
