"""What a run is asked for, checked and made ready: everything that its first epoch needs but the patterns."""

import warnings
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ptychograd.core.compilable import compilable, on_device
from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.parameters import matches, named_leaves, named_parameters, partition, real_dtype, trainable_names
from ptychograd.core.strict import meant
from ptychograd.data.checks import warn_of
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.devices import Devices
from ptychograd.fitting.epoch import (
    AXES,
    AbstractSampler,
    After,
    Asked,
    Device,
    Member,
    Shuffled,
    everywhere,
    grid,
    patterns_at_once,
    room_on_device,
    traced,
)
from ptychograd.fitting.objective import Objective, Value, power_of_probe
from ptychograd.fitting.priors import AbstractPrior
from ptychograd.fitting.projections import (
    Constraints,
    Projection,
    begun_with,
    check_constraints,
    fixes_scale,
    names_of,
    projections_of,
    several,
    summary_of,
)
from ptychograd.fitting.reconstruction.best import BEST, Best, Stored
from ptychograd.fitting.reconstruction.contracts import (
    brightest,
    check_fit,
    check_methods,
    check_noise,
    check_numbers,
    check_sampler,
    doubts_of_own,
)
from ptychograd.fitting.reconstruction.diagonals import UNLIKE, WITHOUT_DIAGONAL, noted, scales_steps
from ptychograd.fitting.reconstruction.penalties import penalty, with_path
from ptychograd.fitting.reconstruction.stuck import stuck
from ptychograd.fitting.result import ROSE, History, Result, require_present_version
from ptychograd.fitting.schedule import AbstractSchedule, LateCooling
from ptychograd.fitting.solvers import AbstractSolver, EvaluateOnly
from ptychograd.physics.model import AbstractModel, roles_of, shares_work
from ptychograd.physics.noise import AbstractNoise
from ptychograd.physics.shared_work import computed_from, shared_of

SAME_STAGE = ("solver", "batch_size", "noise", "trainable", "priors", "constraints")  # settings: alike within a stage


class Task(NamedTuple):
    """The arguments of `reconstruct`."""

    model: AbstractModel
    data: Dataset
    solver: AbstractSolver
    epochs: int
    batch_size: int
    trainable: tuple[str, ...]
    noise: AbstractNoise
    seed: int = 0
    resume: Result | None = None
    planned: int | None = None
    devices: tuple[Device, ...] | None = None
    priors: tuple[AbstractPrior, ...] = ()
    sampler: AbstractSampler = Shuffled()
    schedule: AbstractSchedule = LateCooling()
    constraints: Constraints = {}  # noqa: RUF012 (never written to)


class Work(NamedTuple):
    """What stays the same from epoch to epoch.

    `rest` is what is not refined, `last` the epoch that ends the run, `illuminated` tells which patterns have photons,
    if not all.
    """

    rest: PyTree
    asked: Asked
    seed: int
    last: int
    positions: np.ndarray | None
    settings: dict
    illuminated: np.ndarray | None


class Standing(NamedTuple):
    """Where a run stands between two epochs, and the best state that this stage had, if an epoch of it is done."""

    member: Member
    history: History
    best: Best | None = None

    def moved(self, after: After, value: Value, photons: float, seconds: float) -> "Standing":
        """Where it stands after one more epoch."""
        member = self.member._replace(variables=after.variables, state=after.state)
        history = self.history.append(value, photons, seconds)
        now = Best(after.variables, after.state, history.epochs, history.loss[-1])
        return Standing(member, history, now if self.best is None else self.best.or_better(now))

    @property
    def has_risen(self) -> bool:
        """Whether the loss is well above the lowest of the stage."""
        return self.best is not None and self.best.is_risen(self.history.loss[-1])

    def seen(self, r_factor: float) -> "Standing":
        """Where it stands, with the R-factor of held-out patterns if it is a number."""
        return self if not np.isfinite(r_factor) else self._replace(history=self.history.seen(r_factor))


def begun(task: Task) -> tuple[Work, Standing]:
    """What is `prepared`, after a warning of what is plainly wrong with data or start; a mere look is no run."""
    ready = prepared(task)
    if not task.epochs or isinstance(task.solver, EvaluateOnly):
        return ready
    if roles_of(task.model).positions is not None:
        warn_of(task.data, task.noise.full_at)
    doubt = "" if task.resume else task.solver.doubts_batch(task.batch_size, task.data)
    if doubt:
        warnings.warn(doubt, stacklevel=3)
    for sentence in () if task.resume else meant(lambda: list(stuck(task.model, task.trainable)))():
        warnings.warn(f"What can't move from where it starts: {sentence}.", stacklevel=3)
    if WITHOUT_DIAGONAL in ready[0].settings and not task.resume:
        warnings.warn(UNLIKE, stacklevel=3)
    for sentence in (*_idle(task), *(() if task.resume else doubts_of_own(shared_of(task.model)))):
        warnings.warn(sentence, stacklevel=3)
    return ready


@meant
def _idle(task: Task) -> list[str]:
    """A sentence for every prior and constraint that is on nothing that is refined.

    Of a model that shares work a prior may be on what is computed of what is refined.
    """
    refined = [name for name in trainable_names(task.model) if any(matches(name, path) for path in task.trainable)]
    sources = computed_from(task.model) if shares_work(task.model) else {}
    moved = [*refined, *(name for name, which in sources.items() if not which.isdisjoint(refined))]
    priors = [(type(prior).__name__, with_path(prior, task.model).path, moved) for prior in task.priors]
    constraints = [(one, path, refined) for path, given in task.constraints.items() for one in names_of(given)]
    return [
        f'{kind} on "{path}" has no effect, as that is not refined here (refined are: {", ".join(task.trainable)}).'
        for kind, path, moving in (*priors, *constraints)
        if not any(matches(name, path) for name in moving)
    ]


@meant
@compilable
def prepared(task: Task) -> tuple[Work, Standing]:
    """Everything checked, and everything that the first epoch needs but the patterns."""
    resume, stored, data = task.resume, None, task.data
    if resume is not None:
        require_present_version(resume.settings)
        stored = Stored.of(resume.arrays, resume.state, resume.settings)
        resume = resume._replace(arrays=stored.parameters, state=stored.state)
    model = task.model if resume is None else resume.onto(task.model)
    _check_kinds(task)
    if resume is not None:
        check_sampler(task.sampler, resume.settings)
    check_fit(model, data, task.epochs, task.batch_size, task.seed)
    task = task._replace(priors=tuple(with_path(prior, model) for prior in task.priors))
    parameters, rest = partition(model, task.trainable)
    check_numbers(data, real_dtype(parameters))
    batch_size = max(1, task.batch_size // model.group)
    task.solver.check_batch(batch_size, data.count // model.group, data.grows)
    mesh = grid(task.devices, batch_size)
    devices = Devices(AXES if mesh is not None else ())
    real, settings = real_dtype(parameters), _settings(task)
    objective = replace(_objective(task, model, real), names=tuple(trainable_names(model)), devices=devices)
    variables = task.solver.variables(parameters)
    before, sizes = _continued(task.solver, settings, resume), (data.count // model.group, batch_size)
    scaled = scales_steps(objective, variables, task.solver, *sizes, before and before.settings)
    objective, settings = replace(objective, has_diagonals=scaled), settings | noted(scaled)
    if resume is None or resume.settings.get("constraints") != settings.get("constraints"):
        variables = begun_with(objective.projections, variables)
    history = resume.history if resume else History.empty()
    state = _start_state(objective, task.solver, variables, settings, resume)
    last = task.planned or history.epochs + task.epochs
    asked = Asked(model.group, batch_size, mesh, real, task.sampler, task.schedule)
    member = Member(objective, traced(task.solver, real), variables, state)
    at_once = patterns_at_once(member, data, asked, room_on_device())
    member = everywhere(member._replace(objective=replace(objective, at_once=at_once)), mesh)
    best = None if resume is None or stored is None else _best(task, resume, stored, member)
    return Work(rest, asked, task.seed, last, data.positions, settings, _illuminated(data)), Standing(
        member, history, best
    )


def _objective(task: Task, model: AbstractModel, real: np.dtype) -> Objective:
    """Noise model, priors and constraints on what is not refined of a model."""
    parameters, rest = partition(model, task.trainable)
    noise, data = traced(task.noise, real), task.data
    check_noise(noise, data.frame_shape, real)
    priced = tuple(penalty(prior, model, data, real) for prior in task.priors)
    groups = jnp.asarray(data.count / model.group, real)
    projections = projections_of(task.constraints, model, parameters)
    fixed = _fix_scale(projections, model, parameters)
    return Objective(
        on_device(rest),
        noise,
        penalties=priced,
        groups=groups,
        power=None if fixed else power_of_probe(task.model),
        brightest=brightest(noise, data, real),
        projections=traced(projections, real),
        scale_fixed=fixed,
    )


def _best(task: Task, resume: Result, stored: Stored, member: Member) -> Best | None:
    """The best state so far of a stage that goes on; None where another begins."""
    retained, asked = resume.settings.get(BEST), _settings(task)
    if retained is None or any(resume.settings.get(key) != asked.get(key) for key in SAME_STAGE):
        return None
    if stored.best_parameters is None or stored.best_state is None:
        return Best(member.variables, member.state, *retained)
    there = resume._replace(arrays=stored.best_parameters)
    parameters, _ = partition(there.onto(task.model), task.trainable)
    fresh, tree = named_leaves(member.state), jax.tree.structure(member.state)
    state = tree.unflatten([jnp.asarray(stored.best_state[name], leaf.dtype) for name, leaf in fresh.items()])
    return Best(task.solver.variables(parameters), state, *retained)


def _start_state(
    objective: Objective, solver: AbstractSolver, variables: PyTree, settings: dict, resume: Result | None
) -> PyTree:
    """A fresh state, or the one that `resume` ended with, if it has one, where solver and parameters are the same."""
    solver.check_constraints(objective.projections, variables)
    state = solver.init(objective, variables)
    if (resume := _continued(solver, settings, resume)) is None:
        return state
    fresh, tree = named_leaves(state), jax.tree.structure(state)
    shapes = {name: np.shape(leaf) for name, leaf in fresh.items()}
    if shapes != {name: leaf.shape for name, leaf in resume.state.items()}:
        raise InputError(
            f'The result to resume holds the state of another "{settings["solver"]}", or of another version of '
            "it; give the same one, or none of it by leaving `resume` out."
        )
    return tree.unflatten([jnp.asarray(resume.state[name], leaf.dtype) for name, leaf in fresh.items()])


def _continued(solver: AbstractSolver, settings: dict, resume: Result | None) -> Result | None:
    """The result whose state the solver takes up, if it does so."""
    if resume is None or not resume.state:
        return None
    is_alike = all(resume.settings.get(key) == settings.get(key) for key in solver.state_depends_on)
    return resume if is_alike else None


def _settings(task: Task) -> dict:
    geometry = task.data.geometry
    settings = {
        "solver": task.solver.description,
        "noise": repr(task.noise),
        "trainable": list(task.trainable),
        "batch_size": task.batch_size,
        "seed": task.seed,
        "sampler": task.sampler.description,
        "schedule": task.schedule.description,
        "geometry": geometry and {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(geometry).items()},
    }
    if task.priors:
        settings["priors"] = [repr(prior) for prior in task.priors]
    if task.constraints:
        settings["constraints"] = summary_of(task.constraints)
    if task.resume is not None:
        retained = ("changes", *((ROSE,) if task.epochs == 0 and BEST not in task.resume.settings else ()))
        settings |= {name: task.resume.settings[name] for name in retained if name in task.resume.settings}
    return settings


def _fix_scale(projections: Sequence[Projection], model: AbstractModel, parameters: PyTree) -> bool:
    """Whether constraints fix the scale between object and probe, which otherwise is free."""
    free = model.free_scale
    named, names = named_parameters(parameters), () if free is None else (free.object, *free.probe)
    return any(fixes_scale(one, named[one.name]) for one in projections if one.name in names)


def _illuminated(data: Dataset) -> np.ndarray | None:
    """Which patterns have photons; None if all have, and while some may still come."""
    if data.grows:
        return None
    illuminated = data.photons > 0
    return None if illuminated.all() else illuminated


def _check_kinds(task: Task) -> None:
    """Refuse a class where an object of it is expected, and numbers that are not whole."""
    numbers = {"epochs": task.epochs, "batch_size": task.batch_size, "seed": task.seed, "planned": task.planned or 0}
    kinds = {"model": AbstractModel, "data": Dataset, "solver": AbstractSolver, "noise": AbstractNoise}
    mend = {"solver": ", as pg.Nesterov()", "noise": ", as pg.Poisson()"}
    check_constraints(task.constraints)
    for prior in task.priors:
        check_kind(prior, AbstractPrior, "prior", ", as pg.priors.Tikhonov(0.1)")
    kinds |= {"sampler": AbstractSampler, "schedule": AbstractSchedule}
    for name, kind in kinds.items():
        check_kind(getattr(task, name), kind, name, mend.get(name, ""))
    own = (getattr(task, name) for name in ("solver", "noise", "sampler", "schedule"))
    check_methods(*own, *task.priors, *(part for given in task.constraints.values() for part in several(given)))
    for name, number in numbers.items():
        if not isinstance(number, (int, np.integer)):
            raise InputError(f"{name}={number!r}; expected a whole number.")
    if numbers["planned"] < 0:
        raise InputError(f"{task.planned} epochs planned; expected none or more.")
