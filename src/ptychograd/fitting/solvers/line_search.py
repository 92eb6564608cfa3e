"""A search along a line for a place where the objective is lower: by its values, as far as numbers tell them apart.

A step s from x, whose slope is φ' = ∇fᵀs < 0, is taken where f fell enough (Armijo): f(x + s) ≤ f(x) + c φ'. Near a
minimum the fall is smaller than the rounding of f, a sum over all pixels of all patterns. There the slopes tell what
the values don't: for a quadratic the rule above is the same as ∇f(x + s)ᵀs ≤ (2 c - 1) φ', which counts wherever the
two values are equal up to rounding (Hager & Zhang, SIAM J. Optim. 16, 170 (2005)). So f never rises by more than that.

A step that is not taken is shortened to the minimum of the parabola through both values and the slope, but to no less
than a tenth and no more than a half. After `TRIES` in one direction comes the preconditioned gradient, and after as
many of that the search gives up.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from ptychograd.fitting.solvers.curvature import dot
from ptychograd.fitting.solvers.landscape import Landscape, Place

ENOUGH = 1e-4  # of the slope, by which the objective has to fall
RESOLVED = 16  # times the spacing of numbers: what two sums over all patterns may differ by
LEAST, MOST = 0.1, 0.5  # of a step that is shortened
TRIES = 6  # in one direction

Scalar = Float[Array, ""]


class Search(NamedTuple):
    """A search under way.

    Attributes:
        begin: where it sets out from; not looked at yet where it `is_new`.
        found: the place that was tried last.
        direction: of the next step, but for gauge and constraints.
        length: of the next step, in directions.
        is_gradient: whether the direction is that of the preconditioned gradient.
        is_new: whether the next place is the begin itself.
        tries: in this direction.
        passes: through the patterns, in all.
        is_taken: whether the step to `found` was.
    """

    begin: Place
    found: Place
    direction: PyTree
    length: Scalar
    is_gradient: Bool[Array, ""]
    is_new: Bool[Array, ""]
    tries: Int[Array, ""]
    passes: Int[Array, ""]
    is_taken: Bool[Array, ""]

    @property
    def goes_on(self) -> Bool[Array, ""]:
        """Whether there is a step to try."""
        return ~self.is_taken & (self.tries < TRIES)

    def tried(self, landscape: Landscape, reach: Scalar) -> "Search":
        """After one more place; where the preconditioned gradient comes next, its first step is `reach` of it."""
        length = jnp.where(self.is_new, jnp.zeros_like(reach), self.length)
        found = landscape.place(self.begin, self.direction, length, self.is_new)
        is_taken = landscape.agreed(~self.is_new & is_lower(self.begin, found))
        begin = chosen(self.is_new, found, self.begin)
        tries = jnp.where(self.is_new, 0, self.tries + 1)
        turns = self.is_new | (~self.is_gradient & ~is_taken & (tries == TRIES))
        downhill = negative(landscape.inverse(begin)(landscape.slope(begin)))
        share = jnp.where(is_taken, jnp.ones_like(reach), shortened(self.begin, found))
        return Search(
            begin,
            found,
            chosen(turns, downhill, self.direction),
            jnp.where(turns, reach, share * self.length),
            self.is_gradient | turns,
            jnp.zeros_like(self.is_new),
            jnp.where(turns, 0, tries),
            self.passes + 1,
            is_taken,
        )


def search_line(search: Search, landscape: Landscape, reach: Scalar) -> Search:
    """A search at its end."""
    return jax.lax.while_loop(lambda search: search.goes_on, lambda search: search.tried(landscape, reach), search)


def is_lower(begin: Place, found: Place) -> Bool[Array, ""]:
    """Whether the step from one place to the other is to be taken."""
    slope, at_end = _slopes(begin, found)
    before, after = begin.value.loss, found.value.loss
    is_as_low = after <= before + RESOLVED * jnp.finfo(before.dtype).eps * jnp.abs(before)
    falls = (after <= before + ENOUGH * slope) | (is_as_low & (at_end <= (2 * ENOUGH - 1) * slope))
    return jnp.isfinite(at_end) & (((slope < 0) & falls) | ((slope == 0) & is_as_low))


def shortened(begin: Place, found: Place) -> Scalar:
    """The share of a step that is tried after it."""
    slope, _ = _slopes(begin, found)
    bend = found.value.loss - begin.value.loss - slope
    share = -slope / (2 * jnp.where(bend > 0, bend, 1))
    return jnp.where((bend > 0) & jnp.isfinite(share), jnp.clip(share, LEAST, MOST), LEAST)


def minus(one: PyTree, other: PyTree) -> PyTree:
    """The difference of two trees."""
    return jax.tree.map(jnp.subtract, one, other)


def negative(tree: PyTree) -> PyTree:
    """The tree with its sign turned."""
    return jax.tree.map(jnp.negative, tree)


def chosen(which: Bool[Array, ""], one: PyTree, other: PyTree) -> PyTree:
    """The one tree, or the other."""
    return jax.tree.map(lambda a, b: jnp.where(which, a, b), one, other)


def _slopes(begin: Place, found: Place) -> tuple[Scalar, Scalar]:
    """Of the objective along the step, at its begin and at its end."""
    step = minus(found.variables, begin.variables)
    return 2 * dot(begin.gradient, step), 2 * dot(found.gradient, step)
