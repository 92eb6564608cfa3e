"""What a batch adds up to, and the share that priors have in it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ptychograd.core.parameters import named_parameters, replace_parameter
from ptychograd.core.windows import Windows
from ptychograd.fitting.objective import Batch, Objective, Value

EVEN = 0.8  # in the place of a solver's `floor`, where there are priors


class Sums(NamedTuple):
    """What a batch adds up to. Arrays that have `windows` come as one patch a pattern, others whole.

    `diagonals` holds, by parameter name, J^H J 1 of the exit waves with respect to that parameter. Where it was asked
    for, `mean_diagonals` is what these are on average over batches, and `largest` the largest of this batch.
    """

    value: Value
    gradient: PyTree
    diagonals: dict[str, Float[Array, "..."]]
    windows: Windows
    mean_diagonals: dict[str, Float[Array, "..."]] = {}  # noqa: RUF012 (never written to)
    largest: dict[str, Float[Array, ""]] = {}  # noqa: RUF012


class MeanDiagonals(NamedTuple):
    """Diagonals on average over the batches so far, of which there were `age`."""

    age: Float[Array, ""]
    means: dict[str, Float[Array, "..."]]


def with_priors(
    sums: Sums, objective: Objective, variables: PyTree, batch: Batch, mean_diagonals: MeanDiagonals | None
) -> Sums:
    """The sums of whole arrays with the batch's share of all priors: as many patterns as it has, of all.

    A solver that divides by the light of each batch weighs the gradients of unlike batches unlike, and would end where
    these weighted sums vanish: nearer to the patterns than to the priors, the more so the smaller the batch. So
    parameters whose diagonals are known on average, in `mean_diagonals`, get these, which are the same for all batches;
    `largest` is still what this batch alone has.
    """
    share = objective.share_of(batch)
    means = {} if mean_diagonals is None else _followed(mean_diagonals, sums.diagonals, share)
    largest = {name: jnp.max(sums.diagonals[name]) for name in means}
    named, diagonals, gradient, loss = (
        named_parameters(variables),
        sums.diagonals | means,
        sums.gradient,
        sums.value.loss,
    )
    for penalty in objective.penalties:
        name = penalty.prior.path
        if name not in named:
            continue
        value, slope = penalty.value_and_gradient(named[name])
        before = named_parameters(gradient)[name]
        gradient = replace_parameter(gradient, name, jax.tree.map(lambda g, s: g + share * s, before, slope))
        loss = loss + share * value
        if name in diagonals:
            diagonals[name] = diagonals[name] + share * penalty.majorant(named[name])
    return Sums(sums.value._replace(loss=loss), gradient, diagonals, sums.windows, means, largest)


def largest_of_batch(
    name: str, sums: Sums, largest: Float[Array, ""], floor: Float[Array, ""] | float
) -> Float[Array, ""]:
    """The largest of a diagonal; of one that is the mean of all batches, that of this one, which may be far above it.

    Under a prior it stands for `EVEN` of the denominator, whatever the `floor`.
    """
    return sums.largest[name] * EVEN / floor if name in sums.largest else largest


def _followed(
    mean_diagonals: MeanDiagonals, diagonals: dict[str, Float[Array, "..."]], share: Float[Array, ""]
) -> dict[str, Float[Array, "..."]]:
    """The means after one more batch, over as many batches as make up all patterns."""
    new = jnp.maximum(1 / (mean_diagonals.age + 1), share)
    return {name: mean + new * (diagonals[name] - mean) for name, mean in mean_diagonals.means.items()}
