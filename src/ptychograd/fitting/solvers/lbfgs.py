"""A quasi-Newton solver for all patterns at once."""

from collections.abc import Mapping
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import named_parameters, real_dtype
from ptychograd.fitting.objective import Value
from ptychograd.fitting.projections import check_idempotent
from ptychograd.fitting.solvers.base import AbstractSolver
from ptychograd.fitting.solvers.curvature import Pairs, dot
from ptychograd.fitting.solvers.derivatives import Automatic
from ptychograd.fitting.solvers.landscape import Landscape, Place
from ptychograd.fitting.solvers.line_search import Search, chosen, minus, negative, search_line
from ptychograd.fitting.solvers.others import steps_of, without_diagonal


def _ordered(steps: Mapping[str, float] | tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(dict(steps).items()))


class LBFGS(AbstractSolver):
    """A quasi-Newton solver, L-BFGS, for all patterns at once: to end a run that is near its solution.

    From the last `memory` steps and what they did to the gradient it makes up the curvature of the objective, and steps
    to where that has its minimum. It begins with the diagonal of J^H J, as `Nesterov` does, so that the first step is
    the preconditioned gradient's, and the same numbers serve any count of photons. A step is taken where the objective
    is lower for it, and shortened until it is: the loss never rises, but for rounding. What you read in the history is
    the loss after the step.

    An epoch is one step, which takes all patterns in one batch: give `batch_size` as many as there are. It costs one
    pass through them, one more for each time that a step is shortened, and in its first epoch one beside. Patterns are
    worked on in small parts, so that no more memory is taken for waves than otherwise; the memory of steps holds
    2 `memory` arrays as large as the parameters. Patterns that stay in their file are read anew in every epoch, all of
    them at once; those that are still being written are refused, as the objective would change with them.

    Constraints hold at every place that is tried, priors are part of the objective. A parameter without a diagonal (any
    that is real, and all of a model without an exit wave) begins with its step size as `Nesterov` has it, and with one
    scale for all numbers of an array.

    It builds on Nocedal, Math. Comp. 35, 773 (1980), and Hager & Zhang, SIAM J. Optim. 16, 170 (2005).

    Args:
        memory: steps that it remembers.
        floor: how much the largest w counts beside each pixel's own, from 0 to 1, as for `Nesterov`.
        steps: first step sizes for parameters without a diagonal, by path, in the parameter's own unit. Where you give
            none the model suggests one, or else it is 1 % of the parameter's root-mean-square at the start.

    Raises:
        InputError: a memory of no step; when a run begins, batches of fewer patterns than there are, patterns that are
            still being written, a constraint that is no projection, a step for a parameter that has a diagonal, or none
            for one that is 0 at the start.

    Example:
        >>> pg.LBFGS().description
        'L-BFGS, 10 steps remembered, floor 0.05'
        >>> stages = (pg.Stage(5), pg.Stage(30, solver=pg.LBFGS(), batch_size=data.count))
    """

    memory: int = eqx.field(default=10, static=True)
    floor: float = 0.05
    steps: tuple[tuple[str, float], ...] = eqx.field(default=(), static=True, converter=_ordered)

    def __check_init__(self):
        if not self.memory >= 1:
            raise InputError(f"L-BFGS with a memory of {self.memory} steps; expected 1 or more.")

    @property
    def description(self):
        text = f"L-BFGS, {self.memory} steps remembered, floor {self.floor:g}"
        return text + "".join(f", {path} {step:g}" for path, step in self.steps)

    @property
    def state_depends_on(self):
        return (*super().state_depends_on, "noise")

    def suited_batch_size(self, data):
        return data.count

    def check_batch(self, size, count, grows):
        if grows:
            raise InputError(
                "L-BFGS steps by the misfit of all patterns, and these are still being written; take nesterov until "
                "the scan is complete."
            )
        if size < count:
            raise InputError(
                f"L-BFGS takes all {count} patterns in one batch, not {size}; give `fit.batch_size={count}` or, for "
                "fewer, another solver, as nesterov."
            )

    def check_constraints(self, projections, variables):
        check_idempotent(projections, variables)

    def variables(self, parameters):
        return Automatic().variables(parameters)

    def init(self, objective, variables):
        given, others = dict(self.steps), without_diagonal(dict(self.steps), objective, variables)
        zero, named = jnp.zeros((), real_dtype(variables)), named_parameters(variables)
        scaled = Automatic().diagonal_names(objective, variables)
        return State(
            age=jnp.zeros((), jnp.int32),
            passes=jnp.zeros((), jnp.int32),
            value=Value.zero(zero.dtype),
            gradient=jax.tree.map(jnp.zeros_like, variables),
            diagonals={name: jnp.zeros_like(named[name].real) for name in scaled} | dict.fromkeys(others, zero),
            steps=steps_of(given, objective.model(variables).steps, others, "LBFGS"),
            pairs=Pairs.none(self.memory, variables),
            reach=jnp.ones_like(zero),
        )

    def step(self, objective, variables, batch, state):
        """x' = x - t H g, with t = 1 wherever the objective is lower there."""
        landscape = Landscape(objective, batch, self.floor, state.steps)
        begin = Place(variables, state.value, state.gradient, state.diagonals)
        slope, inverse = landscape.slope(begin), landscape.inverse(begin)
        newton = negative(state.pairs.newton(slope, inverse))
        is_gradient = ~(jnp.any(state.pairs.curvatures > 0) & (dot(begin.gradient, newton) < 0))
        no, none = jnp.zeros_like(is_gradient), jnp.zeros_like(state.age)
        search = Search(
            begin=begin,
            found=begin,
            direction=chosen(is_gradient, negative(inverse(slope)), newton),
            length=jnp.where(is_gradient, state.reach, jnp.ones_like(state.reach)),
            is_gradient=is_gradient,
            is_new=state.age == 0,
            tries=none,
            passes=none,
            is_taken=no,
        )
        return self._ended(landscape, state, search_line(search, landscape, state.reach))

    def _ended(self, landscape: Landscape, state: "State", search: Search) -> tuple[PyTree, "State", Value]:
        """Where a search leads, and what is remembered then."""
        begin, end, is_taken = search.begin, chosen(search.is_taken, search.found, search.begin), search.is_taken
        change = minus(landscape.slope(end), landscape.slope(begin))
        pairs = state.pairs.forgotten(search.is_gradient)
        pairs = pairs.followed_by(minus(end.variables, begin.variables), change, landscape.inverse(begin))
        farther = jnp.where(is_taken, jnp.minimum(2 * search.length, 1), search.length)
        reach = jnp.where(search.is_gradient, farther, state.reach)
        known = end.value, end.gradient, end.diagonals
        found = State(state.age + 1, state.passes + search.passes, *known, state.steps, pairs, reach)
        return end.variables, found, end.value


class State(NamedTuple):
    """What is known of the place where a run stands, after `age` steps, and what earlier ones tell of the curvature.

    These took `passes` through all patterns.

    Value, gradient and diagonals are those of a `Place`; `reach` is the share of the preconditioned gradient's step
    that is tried first where that is the direction.
    """

    age: Int[Array, ""]
    passes: Int[Array, ""]
    value: Value
    gradient: PyTree
    diagonals: dict[str, Float[Array, "..."]]
    steps: dict[str, Float[Array, ""]]
    pairs: Pairs
    reach: Float[Array, ""]
