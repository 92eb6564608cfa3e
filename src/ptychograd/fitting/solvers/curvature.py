"""Curvature from steps that were taken: the limited memory of L-BFGS, and its two loops.

A step s changed the gradient by y. Newton's equation asks that the inverse Hessian H give H y = s, and of all matrices
that do BFGS takes the one nearest to what it had before (Nocedal & Wright, Numerical Optimization, 2nd ed., Eq. 7.16):

    H' = (1 - ρ s yᵀ) H (1 - ρ y sᵀ) + ρ s sᵀ,   ρ = 1 / sᵀy

With the last m pairs and H0 to begin with, H g takes 4 m products of vectors (there, Algorithm 7.4; Nocedal, Math.
Comp. 35, 773 (1980)). H0 is γ over the diagonal of J^H J (see `preconditioner.py`), with γ = sᵀy / yᵀ H0 y of the
newest pair, so that H0 has the size of the inverse curvature along it.

Complex numbers count as two real ones: a product of vectors is the sum over all planes. Gradients are those of half
of the objective, real parameters included, for which ∂g/∂z* of a complex one is the gradient in its two planes.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from ptychograd.core.parameters import map_with_names, real_dtype

Scalar = Float[Array, ""]


class DiagonalInverse(NamedTuple):
    """A diagonal inverse of the Hessian, by the names of parameters: arrays of their shape, or one number for all."""

    inverses: dict[str, Float[Array, "..."]]

    def __call__(self, gradient: PyTree) -> PyTree:
        """How far Newton's step would go."""
        return map_with_names(lambda name, g: self.inverses[name] * g, gradient)

    def undone(self, step: PyTree) -> PyTree:
        """The gradient for which it would go so far; 0 for what never moves."""

        def undo(name, leaf):
            inverse = self.inverses[name]
            return jnp.where(inverse > 0, leaf / jnp.where(inverse > 0, inverse, 1), 0)

        return map_with_names(undo, step)


class Pairs(NamedTuple):
    """The last steps s, the changes y of the gradient, and sᵀy of each, 0 where there is none yet; a ring.

    `next` is where the next pair goes.
    """

    steps: PyTree
    changes: PyTree
    curvatures: Float[Array, "pair"]
    next: Int[Array, ""]

    @classmethod
    def none(cls, count: int, like: PyTree) -> "Pairs":
        """Room for so many pairs."""
        room = jax.tree.map(lambda leaf: jnp.zeros((count, *leaf.shape), leaf.dtype), like)
        return cls(room, room, jnp.zeros(count, real_dtype(like)), jnp.zeros((), jnp.int32))

    def forgotten(self, is_due: Array) -> "Pairs":
        """Without its pairs, if that is due."""
        return self._replace(curvatures=jnp.where(is_due, 0, self.curvatures))

    def followed_by(self, step: PyTree, change: PyTree, inverse: "DiagonalInverse") -> "Pairs":
        """With one pair more, if that has a curvature: sᵀy / (|s| |y|) above the root of what numbers resolve.

        Here |y|² = yᵀ H0 y and |s|² = sᵀ H0⁻¹ s. For a quadratic whose condition H0 brings down to κ the quotient is
        at least 2 sqrt(κ) / (1 + κ) (Kantorovich); what is below 3e-4 in single precision is rounding.
        """
        curvature = dot(step, change)
        sizes = dot(step, inverse.undone(step)) * dot(change, inverse(change))
        least = jnp.sqrt(jnp.finfo(curvature.dtype).eps * sizes)
        has_curvature = (curvature > least) & jnp.isfinite(curvature)

        def put(ring, new):
            old = jax.lax.dynamic_index_in_dim(ring, self.next, keepdims=False)
            return jax.lax.dynamic_update_index_in_dim(ring, jnp.where(has_curvature, new, old), self.next, 0)

        steps, changes = (jax.tree.map(put, ring, new) for ring, new in ((self.steps, step), (self.changes, change)))
        curvatures = put(self.curvatures, curvature)
        return Pairs(steps, changes, curvatures, (self.next + has_curvature.astype(jnp.int32)) % len(curvatures))

    def newton(self, gradient: PyTree, inverse: "DiagonalInverse") -> PyTree:
        """H g, where `inverse` is H0 but for γ; without a pair it is all."""
        count = len(self.curvatures)
        newest_first = (self.next - 1 - jnp.arange(count, dtype=jnp.int32)) % count

        def back(q, which):
            step, change, rho = self._pair(which)
            share = rho * dot(step, q)
            return _plus(q, -share, change), share

        q, shares = jax.lax.scan(back, gradient, newest_first)
        _, change, rho = self._pair(newest_first[0])
        size = rho * dot(change, inverse(change))
        gamma = jnp.where(size > 0, 1 / jnp.where(size > 0, size, 1), 1)

        def forth(r, item):
            which, share = item
            step, change, rho = self._pair(which)
            return _plus(r, share - rho * dot(change, r), step), None

        begin = jax.tree.map(lambda leaf: gamma * leaf, inverse(q))
        return jax.lax.scan(forth, begin, (newest_first[::-1], shares[::-1]))[0]

    def _pair(self, which: Int[Array, ""]) -> tuple[PyTree, PyTree, Scalar]:
        """s, y, and ρ, which is 0 where there is no pair."""
        step, change = (
            jax.tree.map(lambda ring: jax.lax.dynamic_index_in_dim(ring, which, keepdims=False), rings)
            for rings in (self.steps, self.changes)
        )
        curvature = self.curvatures[which]
        return step, change, jnp.where(curvature > 0, 1 / jnp.where(curvature > 0, curvature, 1), 0)


def dot(one: PyTree, other: PyTree) -> Scalar:
    """The product of two vectors, over all planes; in full precision, also where matrices are not."""
    full = jax.lax.Precision.HIGHEST
    products = jax.tree.map(lambda a, b: jnp.vdot(a, b, precision=full), one, other)
    return jnp.asarray(sum(jax.tree.leaves(products)))


def _plus(one: PyTree, factor: Scalar, other: PyTree) -> PyTree:
    return jax.tree.map(lambda a, b: a + factor * b, one, other)
