"""One pattern and what is its own, as its position: the misfit with other such numbers, and the best of them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import replace_parameters
from ptychograd.core.strict import meant
from ptychograd.physics.model import AbstractModel, Group, roles_of
from ptychograd.physics.noise import AbstractNoise
from ptychograd.physics.noise.base import amplitude
from ptychograd.physics.roles import correcting, recorded

FARTHEST = 12  # pixels
DOWN, LONGEST = 12, 0.7  # Gauss-Newton steps, and how long each is at most: pixels, or times the mean or the rms
SMALLEST = 512  # room for steps: all whole pixels up to the farthest
DAMPING = 1e-3  # of the curvature along all numbers of one parameter

Row = dict[str, Array]  # of arrays with one row a pattern, by path, what is one pattern's own


class Steps(NamedTuple):
    """Steps of a row to be tried, the first `count` of them, and how many Gauss-Newton steps go `down` at most.

    However many there are, up to 512, their arrays have one size: one program serves all searches of the same patterns.
    """

    rows: Row
    count: Int[Array, ""]
    down: Int[Array, ""]

    @classmethod
    def of(cls, rows: Row, down: int = DOWN) -> "Steps":
        """All of these."""
        (count,) = {len(steps) for steps in rows.values()}
        capacity = max(SMALLEST, 1 << (count - 1).bit_length())
        padded = {path: jnp.pad(steps, ((0, capacity - count), (0, 0))) for path, steps in rows.items()}
        return cls(padded, jnp.asarray(count, jnp.int32), jnp.asarray(down, jnp.int32))

    @property
    def capacity(self) -> int:
        """As many as there is room for."""
        return len(next(iter(self.rows.values())))


class Descent(NamedTuple):
    """The best row so far and its misfit, which row comes next, whether the last was better, and how many were seen."""

    row: Row
    misfit: Array
    next: Row
    goes_down: Bool[Array, ""]
    steps: Int[Array, ""]


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
        return jnp.where(self.valid, amplitude(self.noise.shown(model.together(Group(self.place)))), 0)

    def misfit(self, row: Row) -> Array:
        """Σ(√h - √y)²."""
        return jnp.sum((self.modulus(row) - jnp.where(self.valid, amplitude(self.measured), 0)) ** 2)

    def found(self, tried: Steps, few: int = 1) -> tuple[Row, Array]:
        """The row of the least misfit, and that: of those `tried` about the present one, and down from the best few."""

        def moved(number: Array) -> Row:
            return jax.tree.map(lambda row, steps: row + steps[number], self.row, tried.rows)

        def one_more(number: Array, misfits: Array) -> Array:
            return misfits.at[number].set(self.misfit(moved(number)))

        untried = jnp.full(tried.capacity, jnp.inf, self._dtype)
        misfits = jax.lax.fori_loop(0, tried.count, one_more, untried)
        if few == 1:
            return self._down(moved(jnp.argmin(misfits)), tried.down)
        _, first = jax.lax.top_k(-misfits, few)
        rows, misfits = jax.lax.map(lambda number: self._down(moved(number), tried.down), first)
        best = jnp.argmin(misfits)
        return jax.tree.map(lambda each: each[best], rows), misfits[best]

    def _down(self, row: Row, steps: Array) -> tuple[Row, Array]:
        """Where so many Gauss-Newton steps lead, or fewer if one leads up, and the misfit there."""

        def goes_on(descent: Descent) -> Array:
            return descent.goes_down & (descent.steps <= steps)

        def one_more(descent: Descent) -> Descent:
            misfit, step = self._misfit_and_step(descent.next)
            is_less = misfit < descent.misfit
            row = jax.tree.map(lambda new, old: jnp.where(is_less, new, old), descent.next, descent.row)
            ahead = jax.tree.map(jnp.add, descent.next, step)
            return Descent(row, jnp.where(is_less, misfit, descent.misfit), ahead, is_less, descent.steps + 1)

        begin = Descent(row, jnp.asarray(jnp.inf, self._dtype), row, jnp.asarray(True), jnp.asarray(0, jnp.int32))
        end = jax.lax.while_loop(goes_on, one_more, begin)
        return end.row, end.misfit

    def _misfit_and_step(self, row: Row) -> tuple[Array, Row]:
        """The misfit of a row, and the Gauss-Newton step from it, with a derivative along each number."""
        numbers, as_row = ravel_pytree(row)
        modulus, along = jax.linearize(lambda x: self.modulus(as_row(x)), numbers)
        axes = jnp.eye(len(numbers), dtype=numbers.dtype)
        slopes = jax.lax.map(along, axes).reshape(len(numbers), -1)
        rest = jnp.where(self.valid, amplitude(self.measured), 0) - modulus
        curvature = slopes @ slopes.T
        size = _of_each_parameter(lambda part: jnp.full_like(part, jnp.sum(part)), jnp.diag(curvature), row)
        damped = curvature + axes * jnp.where(size > 0, DAMPING * size, 1)[None]
        step = jax.scipy.linalg.solve(damped, slopes @ rest.ravel(), assume_a="pos")
        return jnp.sum(rest**2), as_row(_of_each_parameter(_short, step, row).astype(numbers.dtype))

    @property
    def _dtype(self) -> jnp.dtype:
        """Of the misfit, which need not be that of a row."""
        return jax.eval_shape(self.misfit, self.row).dtype


def _of_each_parameter(function: Callable, numbers: Float[Array, " n"], row: Row) -> Float[Array, " n"]:
    """`function` of the numbers of one parameter after another."""
    return ravel_pytree(jax.tree.map(function, ravel_pytree(row)[1](numbers)))[0]


def _short(step: Float[Array, " k"]) -> Float[Array, " k"]:
    return step * jnp.minimum(1, LONGEST / jnp.maximum(jnp.linalg.norm(step), 1e-6))


@meant
def corrected_by(model: AbstractModel) -> dict[str, str]:
    """Paths of the parameters that correct positions, by their fields of `Positions`.

    Raises `InputError` where no offset is among them.
    """
    found = correcting(recorded(roles_of(model), model))
    if "offset" not in found:
        raise InputError(
            "The model's positions can't be refined; make it one by `with_refinable_positions`, or name the array of "
            "your own that moves each pattern as `offset` of its positions (see AbstractModel.roles)."
        )
    return found


def random_half(shape: Sequence[int]) -> Bool[np.ndarray, "*detector"]:
    """Half of a frame's pixels, always the same ones."""
    return np.random.default_rng(0).permuted(np.arange(np.prod(shape)) % 2 == 0).reshape(shape)


def whole_pixels(farthest: int, spacing: int = 1) -> Array:
    """Steps by whole pixels, along y and x, none longer than the farthest."""
    farthest = min(FARTHEST, farthest)
    along = spacing * np.arange(-(farthest // spacing), farthest // spacing + 1)
    steps = np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)
    return jnp.asarray(steps[np.hypot(*steps.T) <= farthest], jnp.float32)
