"""The default solver: accelerated descent whose step sizes come from the model."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import named_parameters, real_dtype, replace_parameters
from ptychograd.core.windows import window_of
from ptychograd.fitting.batch_size import batch_by_photons, doubts_batch, signal_of
from ptychograd.fitting.objective import Batch, Objective, Value
from ptychograd.fitting.solvers.base import AbstractSolver, EpochSteps, StableUpTo
from ptychograd.fitting.solvers.derivatives import Automatic
from ptychograd.fitting.solvers.momentum import (
    MomentumSchedule,
    Past,
    cooled,
    growing_momentum,
    momenta,
    steady_momentum,
)
from ptychograd.fitting.solvers.moving import AbstractMoving, held
from ptychograd.fitting.solvers.others import Others, steps_of, without_diagonal
from ptychograd.fitting.solvers.per_pattern import PerPatternState
from ptychograd.fitting.solvers.preconditioner import reciprocal
from ptychograd.fitting.solvers.scale_gauge import with_probe_power
from ptychograd.fitting.solvers.sums import MeanDiagonals, largest_of_batch
from ptychograd.fitting.solvers.views import AbstractView, WholeView, best_view, exit_wave_model
from ptychograd.physics.model import AbstractExitWaveModel

Named = dict[str, PyTree]


def _ordered(steps: Mapping[str, float] | tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(dict(steps).items()))


class Nesterov(AbstractSolver):
    """The default solver: accelerated descent whose step sizes come from the model, so that you have nothing to tune.

    It is Nesterov's accelerated descent, preconditioned with the diagonal of J^H J. At y = x + `momentum` v it takes
    the gradient g of a batch and w = J^H J 1, the batch's sum of the probe's intensity for the object and of the
    object's for the probe, and sets x' = y - γ g / ((1 - `floor`) w + `floor` max w), v = x' - x. Because w carries the
    unit of the problem, the same numbers serve photon counts from 1e3 to 1e9. For a batch of b patterns
    γ = `step_size` / (1 + 2/b), as gradients of few patterns are noisy (McCandlish et al., arXiv:1812.06162), and up
    to 30 % less where b is more than a quarter of all. Towards the end of a run γ is cooled to 2 %. Where you don't say
    how many patterns a batch has, they are 16, and more, up to all, where few photons tell little.

    A momentum m remembers 1 / (1 - m) steps. In a near field this memory grows, one step longer every five steps, and
    shrinks again as γ cools: there the slow errors are those that span the whole probe, and the misfit leads to the
    solution from far away. It grows up to that of `longest_momentum`, or to 25/ν², where ν = Σ(w - W)² / ΣW² says how
    much a batch's w differs from its running mean W; γ is 1.4 `step_size` / (1 + ν), at most 1.15 `step_size`. A far
    field keeps `momentum`: there a longer memory ends in wrong minima, even with all patterns in a batch. What every
    pattern of a near field sees times a weight of its own, as variations of a probe, moves without memory.

    Where nothing fixes the scale between object and probe, the probe keeps the power of its start.

    A parameter without a diagonal (any that is real, and all of a model without an exit wave) moves by Adam. Arrays
    with one row a pattern, as offsets of positions, move row by row, on one scale for all rows. An exit wave of your
    own is looked at before the first step: where w is so far below J^H J that these steps would not converge, as in
    Fourier ptychography of an image, all parameters move by Adam, and a warning says so.

    It builds on ePIE and its momentum (Maiden et al., Optica 4, 736 (2017)), the preconditioned steps of LSQ-ML
    (Odstrčil et al., Opt. Express 26, 3108 (2018)), and Nesterov, Soviet Math. Dokl. 27, 372 (1983).

    Args:
        momentum: share of the last step that is taken again, 0 or more and less than 1; in a near field at the start.
        step_size: of full steps, before cooling; without unit.
        floor: how much the largest w counts beside each pixel's own, from 0 to 1: with 1 all pixels take the same step,
            with less dim ones take larger steps than bright ones.
        longest_momentum: of a near field, up to which its momentum may grow.
        steps: Adam's step sizes for parameters without a diagonal, by path, in the parameter's own unit. Where you give
            none the model suggests one, or else it is 1 % of the parameter's root-mean-square at the start.

    Raises:
        InputError: when a run begins: a momentum out of its range, a step for a parameter whose steps come from the
            model, or none for one that is 0 at the start.

    Example:
        >>> pg.Nesterov().description
        'Nesterov, momentum 0.8 (near field: 0.995), step 0.65, floor 0.38'
        >>> pg.Nesterov(steps={"detector.background": 0.1}).steps
        (('detector.background', 0.1),)
    """

    momentum: float = 0.8
    step_size: float = 0.65
    floor: float = 0.38
    longest_momentum: float = 0.995
    steps: tuple[tuple[str, float], ...] = eqx.field(default=(), static=True, converter=_ordered)

    @property
    def description(self):
        text = f"Nesterov, momentum {self.momentum:g} (near field: {self.longest_momentum:g}), "
        text += f"step {self.step_size:g}, floor {self.floor:g}"
        return text + "".join(f", {path} {step:g}" for path, step in self.steps)

    @property
    def stable_up_to(self):
        """γ λ < 2 (1 + m) / (1 + 2 m), where both roots of z² - (1 + m) (1 - γ λ) z + m (1 - γ λ) are within 1."""
        m = float(self.momentum)
        return StableUpTo(float(self.floor), 2 * (1 + m) / ((1 + 2 * m) * float(self.step_size)))

    def suited_batch_size(self, data):
        return batch_by_photons(data, signal_of(data))

    def doubts_batch(self, size, data):
        return doubts_batch(size, data)

    def variables(self, parameters):
        return Automatic().variables(parameters)

    def init(self, objective, variables):
        self._check_momenta()
        named, others = named_parameters(variables), without_diagonal(dict(self.steps), objective, variables)
        scaled = Automatic().diagonal_names(objective, variables)
        paths = [penalty.prior.path for penalty in objective.penalties]
        zero, rest = jnp.zeros((), real_dtype(variables)), Others.of(objective, variables, others)
        model = exit_wave_model(objective, variables)
        retained = [name for name in scaled if model is not None and model.is_local and name not in model.weighted]
        return State(
            past=Past(zero, zero, {name: jnp.zeros_like(named[name].real) for name in retained}),
            velocity={name: jax.tree.map(jnp.zeros_like, named[name]) for name in scaled},
            adam=rest.adam,
            per_pattern=rest.per_pattern,
            steps=steps_of(dict(self.steps), objective.model(variables).steps, others, "Nesterov"),
            mean_diagonals={name: jnp.zeros_like(named[name].real) for name in scaled if name in paths},
        )

    def step(self, objective, variables, batch, state):
        epoch_steps = self._epoch_steps(WholeView(objective, variables), state)
        carried, value = epoch_steps.step(epoch_steps.carried, batch)
        return *epoch_steps.end(carried), value

    def epoch_steps(self, objective, variables, state, batch_size):
        return self._epoch_steps(best_view(objective, variables, batch_size), state)

    def _epoch_steps(self, view: AbstractView, state: "State") -> EpochSteps:
        """Through an epoch with that view; whoever asks for one step asks for an epoch of one."""
        named, momentum = named_parameters(view.variables), jnp.asarray(self.momentum, real_dtype(view.variables))
        moving, values = view.moving(state.velocity, momentum), {name: named[name] for name in state.steps}
        others = Others(state.adam, state.per_pattern)

        def step(carried, batch):
            return self._moved(view, state.steps, carried, batch)

        def end(carried):
            ends = {name: one.end(momentum) for name, one in carried.x.items()}
            positions, velocity = ({name: pair[k] for name, pair in ends.items()} for k in (0, 1))
            variables = replace_parameters(view.variables, positions | carried.values)
            adam, per_pattern = carried.others
            return variables, State(carried.past, velocity, adam, per_pattern, state.steps, carried.mean_diagonals)

        return EpochSteps(UnderWay(moving, values, state.past, others, state.mean_diagonals), step, end)

    def _moved(self, view: AbstractView, steps: Named, carried: "UnderWay", batch: Batch) -> tuple["UnderWay", Value]:
        """At y = x + m v, with gradient g and w = J^H J 1: x' = y - γ g / ((1 - φ) w + φ max w), v' = x' - x."""
        x, values, past, others, mean_diagonals = carried
        warmth, model = cooled(batch.cooling), view.model
        schedule = self._schedule(view.objective, model, past, warmth, batch)
        m = momenta(x, schedule.momentum, model)
        y = {name: one.ahead(m[name]) for name, one in x.items()}
        sums = view.sums(y, values, batch, MeanDiagonals(past.age, mean_diagonals))
        g, w = named_parameters(sums.gradient), sums.diagonals

        def step(name, w, max_w):
            max_w = largest_of_batch(name, sums, max_w, self.floor)
            return -warmth * schedule.step_size * reciprocal(w, max_w, self.floor)  # -γ / ((1 - φ) w + φ max w)

        moved = {
            name: one.moved(m[name], partial(step, name), g[name], w[name], window_of(name, sums.windows))
            for name, one in x.items()
        }
        values, others = others.moved(values, g, steps, warmth)
        moved, values = held(view.objective.projections, x, moved, values)
        moved = with_probe_power(view.objective, model, x, moved)
        return UnderWay(moved, values, past.followed_by(w), others, sums.mean_diagonals), sums.value

    def _schedule(
        self,
        objective: Objective,
        model: AbstractExitWaveModel | None,
        past: Past,
        warmth: Float[Array, ""],
        batch: Batch,
    ) -> MomentumSchedule:
        """γ before cooling, and m."""
        if model is not None and model.is_local:
            return growing_momentum(self.step_size, (self.momentum, self.longest_momentum), past, warmth)
        return steady_momentum(self.step_size, self.momentum, batch.count, objective.groups)

    def _check_momenta(self) -> None:
        for name in ("momentum", "longest_momentum"):
            value = getattr(self, name)
            if isinstance(value, float) and not 0 <= value < 1:
                raise InputError(f"{name} = {value:g}: expected 0 or more and less than 1.")


class State(NamedTuple):
    """The past of a run; velocities where there is a diagonal; Adam's moments and step sizes where there is none.

    `mean_diagonals` are diagonals on average, of parameters that have both diagonals and priors.
    """

    past: Past
    velocity: dict[str, PyTree]
    adam: optax.OptState
    per_pattern: dict[str, PerPatternState]
    steps: dict[str, Float[Array, ""]]
    mean_diagonals: dict[str, Float[Array, "..."]]


class UnderWay(NamedTuple):
    """What is carried through an epoch.

    Parameters `x` that have a diagonal, with their velocities; `values` of the others; and what is remembered of both.
    """

    x: dict[str, AbstractMoving]
    values: Named
    past: Past
    others: Others
    mean_diagonals: Named
