"""One pattern and what is its own, as its position: the misfit with other such numbers, and the best of them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float

from ptychograd._errors import InputError
from ptychograd._model import AbstractModel
from ptychograd._noise import AbstractNoise, amplitude
from ptychograd._parameters import replace_parameters
from ptychograd._scan import RefinableScan

OFFSET = "scan.offset"
FARTHEST = 12  # pixels
STEPS, LONGEST = 12, 0.7  # Gauss-Newton steps, and how long each is at most: pixels, or times the mean or the rms
DAMPING = 1e-3  # of the curvature along all numbers of one parameter

Row = dict[str, Array]  # of arrays with one row a pattern, by path, what is one pattern's own


class Pattern(NamedTuple):
    """A pattern (or all of a rocking curve), those of its pixels that count, and its `row` as it is.

    The row is what no other pattern shares, by path: its offset, its intensity, its weights.
    """

    model: AbstractModel
    noise: AbstractNoise
    place: Array
    measured: Array
    valid: Array
    row: Row

    def modulus(self, row: Row) -> Array:
        """√h with that row, as the pixels show it; 0 where a pixel does not count."""
        model = replace_parameters(self.model, {path: numbers[None] for path, numbers in row.items()})
        return jnp.where(self.valid, amplitude(self.noise.shown(model.together(self.place))), 0)

    def misfit(self, row: Row) -> Array:
        """Σ(√h - √y)²."""
        return jnp.sum((self.modulus(row) - jnp.where(self.valid, amplitude(self.measured), 0)) ** 2)

    def found(self, tried: Row, steps: int = STEPS, few: int = 1) -> tuple[Row, Array]:
        """The row of the least misfit, and that: of those `tried` about the present one, and down from the best few."""

        def moved(step: Row) -> Row:
            return jax.tree.map(jnp.add, self.row, step)

        misfits = jax.lax.map(lambda step: self.misfit(moved(step)), tried)
        if few == 1 or len(misfits) == 1:
            return self._down(moved(jax.tree.map(lambda steps: steps[jnp.argmin(misfits)], tried)), steps)
        _, first = jax.lax.top_k(-misfits, min(few, len(misfits)))
        rows, misfits = jax.lax.map(
            lambda number: self._down(moved(jax.tree.map(lambda steps: steps[number], tried)), steps), first
        )
        best = jnp.argmin(misfits)
        return jax.tree.map(lambda each: each[best], rows), misfits[best]

    def _down(self, row: Row, steps: int) -> tuple[Row, Array]:
        """Where Gauss-Newton steps lead, and the misfit there."""

        def better(best: tuple, _: None) -> tuple[tuple, None]:
            row, least = best
            moved = jax.tree.map(jnp.add, row, self._step(row))
            misfit = self.misfit(moved)
            is_less = misfit < least
            row = jax.tree.map(lambda new, old: jnp.where(is_less, new, old), moved, row)
            return (row, jnp.where(is_less, misfit, least)), None

        return jax.lax.scan(better, (row, self.misfit(row)), None, length=steps)[0]

    def _step(self, row: Row) -> Row:
        """The Gauss-Newton step, with a derivative along each number."""
        numbers, as_row = ravel_pytree(row)
        along = jnp.eye(len(numbers), dtype=numbers.dtype)
        slopes = [jax.jvp(lambda x: self.modulus(as_row(x)), (numbers,), (axis,))[1] for axis in along]
        rest = jnp.where(self.valid, amplitude(self.measured), 0) - self.modulus(row)
        curvature = jnp.array([[jnp.vdot(one, other) for other in slopes] for one in slopes])
        size = _of_each_parameter(lambda part: jnp.full_like(part, jnp.sum(part)), jnp.diag(curvature), row)
        damped = curvature + along * jnp.where(size > 0, DAMPING * size, 1)
        step = jnp.linalg.solve(damped, jnp.array([jnp.vdot(one, rest) for one in slopes]))
        return as_row(_of_each_parameter(_short, step, row))


def _of_each_parameter(function: Callable, numbers: Float[Array, " n"], row: Row) -> Float[Array, " n"]:
    """`function` of the numbers of one parameter after another."""
    return ravel_pytree(jax.tree.map(function, ravel_pytree(row)[1](numbers)))[0]


def _short(step: Float[Array, " k"]) -> Float[Array, " k"]:
    return step * jnp.minimum(1, LONGEST / jnp.maximum(jnp.linalg.norm(step), 1e-6))


def scan_of(model: AbstractModel) -> RefinableScan:
    scan = getattr(model, "scan", None)
    if not isinstance(scan, RefinableScan):
        raise InputError("The model's positions can't be refined; make it one by `with_refinable_positions`.")
    return scan


def random_half(shape: Sequence[int]) -> Bool[np.ndarray, "*detector"]:
    """Half of a frame's pixels, always the same ones."""
    return np.random.default_rng(0).permuted(np.arange(np.prod(shape)) % 2 == 0).reshape(shape)


def whole_pixels(farthest: int, spacing: int = 1) -> Array:
    """Steps by whole pixels, along y and x, none longer than the farthest."""
    farthest = min(FARTHEST, farthest)
    along = spacing * np.arange(-(farthest // spacing), farthest // spacing + 1)
    steps = np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)
    return jnp.asarray(steps[np.hypot(*steps.T) <= farthest], jnp.float32)
