"""The default solver: accelerated descent whose step sizes come from the model."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import check_names, matches, named_parameters, nearest, real_dtype, replace_parameters
from ptychograd.core.strict import promoted_by_jax
from ptychograd.core.windows import window_of
from ptychograd.fitting.objective import Batch, Objective, Value
from ptychograd.fitting.projections import Projection
from ptychograd.fitting.shared import windows_by_name
from ptychograd.fitting.solvers.base import AbstractSolver, EpochSteps
from ptychograd.fitting.solvers.derivatives import Automatic
from ptychograd.fitting.solvers.momentum import MomentumSchedule, Past, growing_momentum, steady_momentum
from ptychograd.fitting.solvers.moving import AbstractMoving, Whole, plus
from ptychograd.fitting.solvers.per_pattern import PerPatternState
from ptychograd.fitting.solvers.sums import MeanDiagonals
from ptychograd.fitting.solvers.views import AbstractView, WholeView, best_view, exit_wave_model
from ptychograd.physics.model import AbstractExitWaveModel

RELATIVE_STEP = 0.01  # of the start's root-mean-square, for parameters that have no diagonal
TINY = 1e-30  # of a power, above zero
EVEN = 0.8  # in the place of `floor`, where there are priors
COLDEST = 0.02  # what is left of the step at the end of a run: gradient noise is averaged out

Named = dict[str, PyTree]
Moving = dict[str, AbstractMoving]
Scalar = Float[Array, ""]


def _ordered(steps: Mapping[str, float] | tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(dict(steps).items()))


class Nesterov(AbstractSolver):
    """The default solver: accelerated descent whose step sizes come from the model, so that you have nothing to tune.

    It is Nesterov's accelerated descent, preconditioned with the diagonal of J^H J. At y = x + `momentum` v it takes
    the gradient g of a batch and w = J^H J 1, the batch's sum of the probe's intensity for the object and of the
    object's for the probe, and sets x' = y - γ g / ((1 - `floor`) w + `floor` max w), v = x' - x. Because w carries the
    unit of the problem, the same numbers serve photon counts from 1e3 to 1e9. For a batch of b patterns
    γ = `step_size` / (1 + 2/b), as gradients of few patterns are noisy (McCandlish et al., arXiv:1812.06162). Towards
    the end of a run γ is cooled to 2 %.

    A momentum m remembers 1 / (1 - m) steps. In a near field this memory grows, one step longer every five steps, and
    shrinks again as γ cools: there the slow errors are those that span the whole probe, and the misfit leads to the
    solution from far away. It grows up to that of `longest_momentum`, or to 25/ν², where ν = Σ(w - W)² / ΣW² says how
    much a batch's w differs from its running mean W; γ is 1.4 `step_size` / (1 + ν), at most 1.15 `step_size`. A far
    field keeps `momentum`: there a longer memory ends in wrong minima, even with all patterns in a batch. What every
    pattern of a near field sees times a weight of its own, as variations of a probe, moves without memory.

    Where nothing fixes the scale between object and probe, the probe keeps the power of its start.

    A parameter without a diagonal (any that is real, and all of a model without an exit wave) moves by Adam. Arrays
    with one row a pattern, as offsets of positions, move row by row, on one scale for all rows.

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

    def variables(self, parameters):
        return Automatic().variables(parameters)

    def init(self, objective, variables):
        self._check_momenta()
        check_names(dict(self.steps), objective.names)
        named = named_parameters(variables)
        scaled = Automatic().diagonal_names(objective, variables)
        others = {name: leaf for name, leaf in named.items() if name not in scaled}
        for path, _ in self.steps:
            if any(matches(name, path) for name in scaled):
                raise InputError(
                    f'The step of "{path}" comes from the model; give steps for {", ".join(others) or "none"}.'
                )
        paths = [penalty.prior.path for penalty in objective.penalties]
        zero, per_pattern = jnp.zeros((), real_dtype(variables)), _names_of_per_pattern(objective, variables, others)
        model = exit_wave_model(objective, variables)
        retained = [name for name in scaled if model is not None and model.is_local and name not in model.weighted]
        return State(
            past=Past(zero, zero, {name: jnp.zeros_like(named[name].real) for name in retained}),
            velocity={name: jax.tree.map(jnp.zeros_like, named[name]) for name in scaled},
            adam=_ADAM.init({name: leaf for name, leaf in others.items() if name not in per_pattern}),
            per_pattern={name: PerPatternState.of(others[name]) for name in per_pattern},
            steps=self._steps(objective.model(variables).steps, others),
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
        moving, others = view.moving(state.velocity, momentum), {name: named[name] for name in state.steps}

        def step(carried, batch):
            return self._moved(view, state.steps, carried, batch)

        def end(carried):
            ends = {name: one.end(momentum) for name, one in carried.moving.items()}
            positions, velocity = ({name: pair[k] for name, pair in ends.items()} for k in (0, 1))
            variables = replace_parameters(view.variables, positions | carried.others)
            return variables, State(
                carried.past, velocity, carried.adam, carried.per_pattern, state.steps, carried.mean_diagonals
            )

        return EpochSteps(
            UnderWay(moving, others, state.past, state.adam, state.per_pattern, state.mean_diagonals), step, end
        )

    def _moved(self, view: AbstractView, steps: Named, carried: "UnderWay", batch: Batch) -> tuple["UnderWay", Value]:
        moving, others, past, adam, per_pattern, mean_diagonals = carried
        warmth = COLDEST + (1 - COLDEST) * (0.5 + 0.5 * jnp.cos(jnp.pi * batch.cooling))
        schedule = self._momentum_schedule(view.model, past, warmth, batch)
        momenta = dict.fromkeys(moving, schedule.momentum) | dict.fromkeys(
            _forgetful(view.model), jnp.zeros_like(warmth)
        )
        ahead = {name: one.ahead(momenta[name]) for name, one in moving.items()}
        sums = view.sums(ahead, others, batch, MeanDiagonals(past.age, mean_diagonals))
        gradients = named_parameters(sums.gradient)
        with promoted_by_jax():
            directions, adam = _ADAM.update({name: gradients[name] for name in steps if name not in per_pattern}, adam)
        followed = {name: row.followed_by(gradients[name]) for name, row in per_pattern.items()}
        per_pattern = {name: row for name, (_, row) in followed.items()}
        directions = named_parameters(directions) | {name: direction for name, (direction, _) in followed.items()}
        others = {name: plus(others[name], -warmth * step, directions[name]) for name, step in steps.items()}

        def scale(name, diagonal, largest):
            if name in sums.largest:  # the diagonal is that of all batches on average, which some are far above
                largest = sums.largest[name] * EVEN / self.floor
            return -warmth * schedule.step_size * self._scale(diagonal, largest)

        moved = {
            name: one.moved(
                momenta[name],
                partial(scale, name),
                gradients[name],
                sums.diagonals[name],
                window_of(name, sums.windows),
            )
            for name, one in moving.items()
        }
        moved, others = _held(view.objective.projections, moving, moved, others)
        if not view.objective.scale_fixed:
            moved = _scaled_as_before(view.model, moving, moved)
        return UnderWay(
            moved, others, past.followed_by(sums.diagonals), adam, per_pattern, sums.mean_diagonals
        ), sums.value

    def _momentum_schedule(
        self, model: AbstractExitWaveModel | None, past: Past, warmth: Float[Array, ""], batch: Batch
    ) -> MomentumSchedule:
        if model is not None and model.is_local:
            return growing_momentum(self.step_size, (self.momentum, self.longest_momentum), past, warmth)
        return steady_momentum(self.step_size, self.momentum, batch.count)

    def _check_momenta(self) -> None:
        for name in ("momentum", "longest_momentum"):
            value = getattr(self, name)
            if isinstance(value, float) and not 0 <= value < 1:
                raise InputError(f"{name} = {value:g}: expected 0 or more and less than 1.")

    def _scale(self, weight: Float[Array, "..."], largest: Float[Array, ""]) -> Float[Array, "..."]:
        mean_diagonals = largest > 0
        denominator = (1 - self.floor) * weight + self.floor * largest
        return jnp.where(mean_diagonals, 1 / jnp.where(mean_diagonals, denominator, 1), 0)

    def _steps(self, suggested: Mapping[str, Scalar | float], leaves: Named) -> dict[str, Float[Array, ""]]:
        """Adam's steps for parameters that have no diagonal: those asked for, or else those that the model suggests."""
        return {name: self._step_of(name, leaf, suggested) for name, leaf in leaves.items()}

    def _step_of(self, name: str, leaf: PyTree, suggested: Mapping[str, Scalar | float]) -> Float[Array, ""]:
        given, planes = nearest(name, dict(self.steps)), jax.tree.leaves(leaf)
        given = nearest(name, suggested) if given is None else given
        if given is not None:
            return jnp.asarray(given, planes[0].dtype)
        size = jnp.sqrt(jnp.asarray([jnp.mean(plane**2) for plane in planes]).sum())
        if not size > 0:
            raise InputError(
                f"{name} is 0 at the start, which tells no step size; give one: Nesterov(steps={{'{name}': 0.1}})."
            )
        return RELATIVE_STEP * size


def _forgetful(model: AbstractExitWaveModel | None) -> Sequence[str]:
    """Arrays that move without memory: few patterns tell little of each, and in a near field memory is long.

    Measured on P25, 150 epochs, two variations of the probe: R 0.0546, held out 0.0635; with memory 0.0774 and 0.0986,
    without variations 0.0552 and 0.0632.
    """
    return model.weighted if model is not None and model.is_local else ()


def _held(projections: Sequence[Projection], before: Moving, moved: Moving, others: Named) -> tuple[Moving, Named]:
    """Parameters where their constraints have them; a velocity follows the projected point."""
    for projection in projections:
        if (name := projection.name) in moved:
            moved = moved | {name: moved[name].held(before[name], projection)}
        elif name in others:
            others = others | {name: projection(others[name])}
    return moved, others


def _names_of_per_pattern(objective: Objective, variables: PyTree, others: Named) -> list[str]:
    """Real arrays of which a pattern sees one row."""
    windows = windows_by_name(objective, variables) if others else {}
    seen = {name: windows[name] for name in others}
    return [name for name, window in seen.items() if window is not None and others[name].shape[1:] == window.shape[1:]]


def _scaled_as_before(model: AbstractExitWaveModel | None, before: Moving, moved: Moving) -> Moving:
    """`moved` with the probe's power as `before`, where only its product with the object counts.

    Left to itself, the scale between the two wanders off without end: noise makes the one grow.
    """
    free = model.free_scale if model is not None else None
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


class State(NamedTuple):
    """The past of a run; velocities where there is a diagonal; Adam's moments and step sizes where there is none.

    `illuminated` are diagonals on average, of parameters that have both diagonals and priors.
    """

    past: Past
    velocity: dict[str, PyTree]
    adam: optax.OptState
    per_pattern: dict[str, PerPatternState]
    steps: dict[str, Float[Array, ""]]
    mean_diagonals: dict[str, Float[Array, "..."]]


class UnderWay(NamedTuple):
    """What is carried through an epoch: parameters that have a diagonal, the others, and what is remembered of both."""

    moving: Moving
    others: Named
    past: Past
    adam: optax.OptState
    per_pattern: dict[str, PerPatternState]
    mean_diagonals: Named


_ADAM = optax.scale_by_adam()
