"""The loop over epochs: what a run begins with, when it ends, and what it ends with."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.own_errors import CalledFrom, own_name
from ptychograd.core.parameters import join, named_leaves
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.epoch import (
    AbstractSampler,
    After,
    Device,
    Feed,
    Member,
    Resident,
    Shuffled,
    agreed,
    at_home,
    bytes_of_an_epoch,
    feed_of,
    one_epoch,
)
from ptychograd.fitting.objective import Value
from ptychograd.fitting.priors import AbstractPrior
from ptychograd.fitting.projections import Constraints
from ptychograd.fitting.reconstruction.best import BEST, beside
from ptychograd.fitting.reconstruction.contracts import check_called
from ptychograd.fitting.reconstruction.task import Standing, Task, Work, begun, prepared
from ptychograd.fitting.result import ROSE, History, NonFiniteError, Result, arrays_of
from ptychograd.fitting.schedule import AbstractSchedule, LateCooling
from ptychograd.fitting.solvers import AbstractSolver
from ptychograd.physics.checks import refined_by_default
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.noise import AbstractNoise, Amplitude

DONE, NOT_FINITE, INTERRUPTED, UNDER_WAY = "all epochs done", "not finite", "interrupted", "under way"
LOST = "another process ended"
CUT_SHORT = (INTERRUPTED, LOST)


class Progress(NamedTuple):
    """What `on_epoch` is told after each epoch of a reconstruction.

    Args:
        epoch: epochs done so far, those of a resumed result among them.
        epochs: the number of the epoch with which the whole run is to end.
        loss: the objective of the last epoch (see `History`).
        r_factor: the R-factor of the last epoch (see `History`).
        seconds: wall time of the last epoch; for the first one compilation is included.
        patterns_per_second: patterns of an epoch over its `seconds`.
        so_far: a function without arguments that gives the result as it stands, to be saved or drawn.

    Example:
        >>> def tell(progress):
        ...     print(f"epoch {progress.epoch} of {progress.epochs}")
        >>> _ = pg.reconstruct(model, data, pg.Nesterov(), epochs=1, batch_size=14, on_epoch=tell)
        epoch 1 of 1
    """

    epoch: int
    epochs: int
    loss: float
    r_factor: float
    seconds: float
    patterns_per_second: float
    so_far: Callable[[], Result]


def require_whole(result: Result) -> Result:
    """The result; `KeyboardInterrupt` where it was cut short, as what came to that is no step of anything longer."""
    if result.stopped in CUT_SHORT:
        raise KeyboardInterrupt
    return result


def reconstruct(
    model: AbstractModel,
    data: Dataset,
    solver: AbstractSolver,
    *,
    epochs: int,
    batch_size: int | None = None,
    trainable: Sequence[str] | None = None,
    noise: AbstractNoise | None = None,
    priors: Sequence[AbstractPrior] | AbstractPrior = (),
    constraints: Constraints | None = None,
    seed: int = 0,
    resume: Result | None = None,
    planned: int | None = None,
    until: Callable[[History], str] | None = None,
    monitor: Callable[[int, Callable[[], Result]], float] | None = None,
    on_epoch: Callable[[Progress], None] | None = None,
    devices: Sequence[Device] | None = None,
    sampler: AbstractSampler = Shuffled(),  # noqa: B008  it is never written to
    schedule: AbstractSchedule = LateCooling(),  # noqa: B008
) -> Result:
    """Refine parameters of a model until it expects what was measured.

    An epoch goes once through all patterns, in minibatches, in an order that depends on `seed` and the number of the
    epoch alone. A run of several stages takes one call for each: give the last result as `resume` (or use `Run` and
    `perform`, which do so).

    Where the loss ends well above that of an earlier epoch, you get the state after that epoch, and
    `settings["loss_rose"]` of the result says so. A keyboard interrupt ends the run after the last whole epoch, which
    `stopped` of the result says; so does the end of another process, where there are several.

    Args:
        model: the start model, as `far_field(data)` makes it.
        data: the measured patterns, from which the model was made.
        solver: the rule by which parameters move; `Nesterov()` needs no tuning.
        epochs: how many epochs to do in this call; with 0 you get the start as a result.
        batch_size: patterns in a minibatch, from 1 to all; rounded down to whole rocking curves, one at least, where
            data hold them. By default as many as suit the solver, `Nesterov()` the more the fewer photons there are.
        trainable: paths of the parameters that are refined; a path stands for everything below it, as "object" for
            "object.transmission". By default those that the model names as image and illumination
            (`AbstractModel.refined`): object and probe of the package's own models.
        noise: the noise model, which gives the objective; `Amplitude()` (Eq. 7) by default.
        priors: penalties on parameters. Every batch takes its share of them, so that their weights mean the same at any
            batch size. None by default.
        constraints: what must hold of refined parameters, by path, as {"object": pg.constraints.Positive()}: one
            constraint, or several that are applied one after another; the nearest path counts. None by default.
        seed: of the order of the patterns.
        resume: a result to go on from: parameters, count of epochs, order and history go on. The state of the solver
            goes on too where solver, `trainable`, `priors` and `constraints` are as before; otherwise it starts afresh.
        planned: epochs of the whole run, towards whose end solvers may take smaller steps; by default those that are
            done and `epochs` more.
        until: is called with the `History` after each epoch, and ends the run if it returns a reason, a text that is
            not empty (see `Converged`).
        monitor: is called after each epoch with the epochs done and a function that gives the result so far. It returns
            the R-factor of patterns that are held out, which goes into the history, or NaN (see `HeldOutMonitor`).
        on_epoch: is called with a `Progress` after each epoch.
        devices: among which the patterns of every batch are divided, such as `jax.devices()`; one device by default.
        sampler: the order of the patterns (see `pg.fitting.AbstractSampler`); by default shuffled anew in every epoch.
        schedule: how steps get smaller towards the end (see `pg.fitting.AbstractSchedule`); by default over the last
            30 % of the epochs.

    Returns:
        the refined model with its arrays, history and settings.

    Raises:
        InputError: arguments do not fit together.
        NonFiniteError: a loss or parameter is no finite number any more; it holds the last good result.

    Example:
        >>> result = pg.reconstruct(model, data, pg.Nesterov(), epochs=1, batch_size=14)
        >>> result.object.shape, result.probe.shape
        ((53, 47), (1, 20, 18))
        >>> result.save("result.h5")
    """
    check_called(on_epoch=on_epoch, monitor=monitor, until=until)
    size = _suited(solver, data) if batch_size is None else batch_size
    task = Task(model, data, solver, epochs, size, _free(model, trainable), noise or Amplitude(), seed, resume)
    task = task._replace(planned=planned, devices=_devices(devices), priors=_several(priors), sampler=sampler)
    (work, standing), stopped, why = begun(task._replace(schedule=schedule, constraints=constraints or {})), DONE, ""
    feed = feed_of(data, work.asked)
    try:
        for _ in range(epochs):
            standing = _monitored(work, _after_an_epoch(work, standing, feed), monitor)
            _tell(on_epoch, work, standing, feed)
            if (stopped := _reason(until, standing.history) or DONE) != DONE:
                break
    except KeyboardInterrupt:
        stopped = INTERRUPTED
    except jax.errors.JaxRuntimeError as problem:
        stopped, why = LOST, _why_lost(problem)
    finally:
        feed.close()
    return result_of(work, standing, stopped, why)


def _reason(until: Callable[[History], str] | None, history: History) -> str:
    """Why a run ends here; empty where it goes on."""
    with CalledFrom(until, f"as `until` after epoch {history.epochs}"):
        reason = (until and until(history)) or ""
    if not isinstance(reason, str):
        raise InputError(f"until gives {reason!r}; expected a reason to end the run, a text, or none to go on.")
    return reason


def _suited(solver: AbstractSolver, data: Dataset) -> int:
    """The batch size that suits the solver."""
    check_kind(data, Dataset, "data")
    check_kind(solver, AbstractSolver, "solver", ", as pg.Nesterov()")
    return solver.suited_batch_size(data)


def _devices(devices: Sequence[Device] | None) -> tuple[Device, ...] | None:
    return None if devices is None else tuple(devices)


def _why_lost(problem: RuntimeError) -> str:
    """What is said of a problem that comes of another process's end; raises it where there is no other."""
    if jax.process_count() == 1:
        raise problem
    return str(problem).splitlines()[0]


def _free(model: AbstractModel, trainable: Sequence[str] | None) -> tuple[str, ...]:
    """The paths that are asked for, or those of the model; a single one stands for itself, not for its letters."""
    if trainable is None:
        return refined_by_default(model)
    return (trainable,) if isinstance(trainable, str) else tuple(trainable)


def _several(priors: object) -> tuple:
    """Several priors, or the one; of which kind they are is looked at with all else that is asked for."""
    return tuple(priors) if isinstance(priors, list | tuple) else (priors,)


def _after_an_epoch(work: Work, standing: Standing, feed: Feed) -> Standing:
    """Where a run stands after one more epoch; raises `NonFiniteError` where that is nowhere."""
    begin = time.perf_counter()
    after, value = _one_epoch(work, standing, feed)
    bad = not_finite_names(value, jax.device_get(after.finite))
    if bad:
        raise _not_finite(bad, work, standing)
    return standing.moved(after, value, feed.photons, time.perf_counter() - begin)


def _monitored(
    work: Work, standing: Standing, monitor: Callable[[int, Callable[[], Result]], float] | None
) -> Standing:
    """Where a run stands, with what a look at held-out patterns says there; an epoch without its look is not whole."""
    if monitor is None:
        return standing
    epoch = standing.history.epochs
    with CalledFrom(monitor, f"as `monitor` after epoch {epoch}"):
        figure = monitor(epoch, partial(_as_it_is, work, standing, *_now(standing)))
    return standing.seen(agreed(figure, work.asked.mesh))


def _not_finite(bad: str, work: Work, standing: Standing) -> NonFiniteError:
    own = own_parts(standing.member)
    first = f"look first at {' and '.join(own)} of your own, then " if own else ""
    return NonFiniteError(
        f"{bad} stopped being finite in epoch {standing.history.epochs + 1}; {first}take smaller steps or look "
        f"for outliers in the patterns. The result after epoch {standing.history.epochs} is kept.",
        result_of(work, standing, NOT_FINITE),
    )


def own_parts(member: Member) -> list[str]:
    """What of one's own makes the steps: a solver, noise model, priors and constraints, by what they are and class."""
    objective = member.objective
    parts = [("the solver", member.solver), ("the noise model", objective.noise)]
    parts += [("the prior", one.prior) for one in objective.penalties]
    parts += [("the constraint", part) for one in objective.projections for part in one.parts]
    return [f"{what} {name}" for what, part in parts if (name := own_name(part))]


def _one_epoch(work: Work, standing: Standing, feed: Feed) -> tuple[After, Value]:
    """What an epoch leaves, and its value on the host."""
    member, values, after = standing.member, [], None
    for patterns, plan in feed.epoch(work.seed, standing.history.epochs, work.last):
        after = one_epoch(member, patterns, plan, work.asked.mesh)
        member = member._replace(variables=after.variables, state=after.state)
        values.append(jax.block_until_ready(after.value))  # so that no more than the next part is read ahead
    if after is None:
        raise InputError("There is not one pattern to reconstruct from.")
    return after, Value._make(sum(parts) for parts in zip(*jax.device_get(values), strict=True))


def bytes_needed(task: Task) -> int:
    """Memory of the device for one epoch of a task, beside its patterns."""
    work, standing = prepared(task)
    feed = Resident(task.data, work.asked)
    plan = feed.plan(work.seed, standing.history.epochs, work.last)
    return bytes_of_an_epoch(standing.member, feed.patterns, plan)


def not_finite_names(value: Value, finite: dict) -> str:
    """The names of what is not finite after an epoch; empty where all is."""
    bad = [name for name, good in finite.items() if not good]
    return ", ".join(bad) or ("" if np.isfinite(value.loss) else "the loss")


@meant
def result_of(work: Work, standing: Standing, stopped: str, why: str = "") -> Result:
    """The result of a run that ended so: its best state, if the loss rose well above that of an earlier epoch.

    Where it may go on, it holds both that state and the one in which it stands.
    """
    best, now = standing.best, _now(standing)
    rose = best is not None and standing.has_risen
    shown, other = ((best.variables, best.state), now) if best and rose else (now, best and best[:2])
    found = _as_it_is(work, standing, *shown)
    settings = found.settings | {"stopped": stopped} | ({LOST: why} if why else {})
    if best and rose:
        settings[ROSE] = {"after_epoch": best.epochs, "loss": best.loss, "last_loss": standing.history.loss[-1]}
    if best and other and stopped in (UNDER_WAY, *CUT_SHORT):
        settings[BEST] = [best.epochs, best.loss]
        if best.epochs != standing.history.epochs:
            model, state = _named(work, *other)
            found = found._replace(state=found.state | beside(arrays_of(model), state))
    return found._replace(settings=settings)


def _now(standing: Standing) -> tuple[PyTree, PyTree]:
    return standing.member.variables, standing.member.state


def _as_it_is(work: Work, standing: Standing, variables: PyTree, state: PyTree) -> Result:
    model, named = _named(work, variables, state)
    found = Result.of(model, work.positions, named, standing.history, work.settings | {"stopped": UNDER_WAY})
    return found._replace(illuminated=work.illuminated)


def _named(work: Work, variables: PyTree, state: PyTree) -> tuple[AbstractModel, dict]:
    """The model at these variables, and the arrays of the solver's state by name."""
    model = eqx.combine(join(at_home(variables, work.asked.mesh)), work.rest)
    return model, jax.device_get(named_leaves(state))


def _tell(on_epoch: Callable[[Progress], None] | None, work: Work, standing: Standing, feed: Feed) -> None:
    if on_epoch is not None:
        with CalledFrom(on_epoch, f"as `on_epoch` after epoch {standing.history.epochs}"):
            on_epoch(_progress(work, standing, feed.count))


def _progress(work: Work, standing: Standing, count: int) -> Progress:
    history = standing.history
    seconds = history.seconds[-1]
    speed = count / seconds
    facts = (history.epochs, work.last, history.loss[-1], history.r_factor[-1], seconds, speed)
    return Progress(*facts, partial(result_of, work, standing, UNDER_WAY))
