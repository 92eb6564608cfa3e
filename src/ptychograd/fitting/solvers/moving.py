"""A parameter on its way through an epoch: its position and velocity, moved whole or window by window."""

import abc
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Int, PyTree

from ptychograd.core.parameters import join, split
from ptychograd.core.strict import as_complex
from ptychograd.core.windows import (
    Window,
    add,
    add_all,
    by_platform,
    extract_each,
    extract_once,
    extract_window,
    overlapped,
    put,
    put_each,
)
from ptychograd.fitting.projections import Projection

Scalar = Float[Array, ""]
Ahead = Callable[[Callable[[PyTree], PyTree]], PyTree]
Step = Callable[[Float[Array, "..."], Scalar], Float[Array, "..."]]  # of w and max w: -γ / ((1 - φ) w + φ max w)

SMALLEST = 1e-30  # momentum, whose logarithm is taken


class AbstractMoving(eqx.Module):
    """Position x and velocity v, moved with momentum m: y = x + m v, x' = y + step(w, max w) g, v' = x' - x."""

    @abc.abstractmethod
    def ahead(self, momentum: Scalar) -> Ahead:
        """What patterns see of y, where the gradient is taken, by what they see of arrays as large."""

    @abc.abstractmethod
    def moved(
        self, momentum: Scalar, step: Step, gradient: PyTree, diagonal: Float[Array, "..."], window: Window | None
    ) -> "AbstractMoving":
        """After a step; `gradient` and `diagonal` are patches where there is a `window`."""

    @abc.abstractmethod
    def held(self, before: "AbstractMoving", projection: Callable[[PyTree], PyTree]) -> "AbstractMoving":
        """With x' where a constraint has it, P(x'), and v' = P(x') - x of the position x `before`."""

    @abc.abstractmethod
    def times(self, factor: Scalar) -> "AbstractMoving":
        """With position and velocity multiplied by a number."""

    @abc.abstractmethod
    def end(self, momentum: Scalar) -> tuple[PyTree, PyTree]:
        """Position and velocity."""


class Whole(AbstractMoving):
    """Every pixel at every step."""

    position: PyTree
    velocity: PyTree

    def ahead(self, momentum):
        position = plus(self.position, momentum, self.velocity)
        return lambda through: position

    def moved(self, momentum, step, gradient, diagonal, window):
        position = plus(plus(self.position, momentum, self.velocity), step(diagonal, jnp.max(diagonal)), gradient)
        return Whole(position, plus(position, -1.0, self.position))

    def held(self, before, projection):
        if not isinstance(before, Whole):
            raise TypeError("a whole array came of one that coasts")
        position = projection(self.position)
        return Whole(position, plus(position, -1.0, before.position))

    def times(self, factor):
        return Whole(*(jax.tree.map(lambda x: factor * x, tree) for tree in (self.position, self.velocity)))

    def end(self, momentum):
        return self.position, self.velocity


class Coasting(AbstractMoving):
    """Only the pixels that a batch sees; the others coast, and what they did is made up for when they are seen again.

    Without a gradient v shrinks by m a step, and `goal` = x + v m / (1 - m), where x would come to rest, stays; a
    step s adds s to v and s / (1 - m) to the goal. So for each pixel `velocity` is that after step number `touched`,
    out of `age`. Position and velocity are `factor` times what is kept: one number is multiplied, not an array.
    `desk` is zero between steps.
    """

    goal: Complex[Array, "*lead height width"]
    velocity: Complex[Array, "*lead height width"]
    touched: Int[Array, "*lead height width"]
    desk: Float[Array, "*lead height width"]
    factor: Scalar
    age: Int[Array, ""]

    @classmethod
    def of(cls, position: PyTree, velocity: PyTree, momentum: Scalar) -> "Coasting":
        """At the start of an epoch."""
        plane = jax.tree.leaves(position)[0]
        touched, desk = jnp.zeros(plane.shape, jnp.int32), jnp.zeros_like(plane)
        goal = plus(position, momentum / (1 - momentum), velocity)
        return cls(join(goal), join(velocity), touched, desk, jnp.ones((), plane.dtype), jnp.zeros((), jnp.int32))

    def ahead(self, momentum):
        def seen(through):
            goal, velocity, touched = through((self.goal, self.velocity, self.touched))
            left = -_faded(momentum, self.age + 1 - touched) * momentum / (1 - momentum)
            return split(as_complex(self.factor) * (goal + as_complex(left) * velocity))

        return seen

    def moved(self, momentum, step, gradient, diagonal, window):
        if window is None:
            raise TypeError("what coasts is moved through windows")
        age = self.age + 1
        diagonal, desk = overlapped(self.desk, diagonal, window)
        largest = jnp.max(diagonal)

        def pushed(gradient, diagonal):
            return as_complex(step(diagonal, largest) / self.factor) * join(gradient)

        def change(arrays, part):
            (goal, velocity, touched), (corner, gradient, diagonal) = arrays, part
            push = pushed(gradient, diagonal)
            seen = extract_once(touched, Window(corner, window.shape))
            left = _faded(momentum, age - seen)

            goal = add(goal, push / as_complex(1 - momentum), corner)
            velocity = put(velocity, as_complex(left) * extract_window(velocity, corner, window.shape) + push, corner)
            return (goal, velocity, put(touched, jnp.maximum(seen, age), corner)), None

        def one_after_another(arrays, items):
            return jax.lax.scan(change, arrays, items)[0]

        def at_once(arrays, items):
            (goal, velocity, touched), (corner, gradient, diagonal) = arrays, items
            push, old = pushed(gradient, diagonal), extract_each(touched, window)
            faded = as_complex(_faded(momentum, age - old)) * extract_each(velocity, window)
            velocity = add_all(put_each(velocity, faded, corner), push, corner)
            goal = add_all(goal, push / as_complex(1 - momentum), corner)
            return goal, velocity, put_each(touched, jnp.maximum(old, age), corner)

        items = (window.corner, gradient, diagonal)
        arrays = (self.goal, self.velocity, self.touched)
        goal, velocity, touched = by_platform(one_after_another, at_once, arrays, items)
        return Coasting(goal, velocity, touched, desk, self.factor, age)

    def held(self, before, projection):
        raise TypeError("what coasts would leave a constraint between the steps that see it")

    def times(self, factor):
        return eqx.tree_at(lambda one: one.factor, self, factor * self.factor)

    def end(self, momentum):
        velocity = as_complex(self.factor * _faded(momentum, self.age - self.touched)) * self.velocity
        position = as_complex(self.factor) * self.goal - as_complex(momentum / (1 - momentum)) * velocity
        return split(position), split(velocity)


def held(
    projections: Sequence[Projection], before: dict[str, AbstractMoving], moved: dict[str, AbstractMoving], values: dict
) -> tuple[dict[str, AbstractMoving], dict]:
    """What moved, and the values of other parameters, where constraints have them; velocities follow."""
    for projection in projections:
        if (name := projection.name) in moved:
            moved = moved | {name: moved[name].held(before[name], projection)}
        elif name in values:
            values = values | {name: projection(values[name])}
    return moved, values


def plus(one: PyTree, factor: Float[Array, "..."] | float, other: PyTree) -> PyTree:
    """one + factor · other, plane by plane."""
    return jax.tree.map(lambda x, d: x + factor * d, one, other)


def _faded(momentum: Scalar, steps: Int[Array, "..."]) -> Float[Array, "..."]:
    """momentum to the power of `steps`; an exponential, which is faster than a power."""
    return jnp.exp(steps.astype(momentum.dtype) * jnp.log(jnp.maximum(momentum, SMALLEST)))
