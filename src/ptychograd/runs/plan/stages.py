"""From a plan to the stages of its run, one after another."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import check_names, named_parameters
from ptychograd.data.dataset import Dataset
from ptychograd.data.patterns import contrast
from ptychograd.fitting.constraints import MagnitudeAtMostOne, PhaseOnly, Positive, Real
from ptychograd.fitting.stopping import Converged
from ptychograd.physics.checks import refined_by_default
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.noise import AbstractNoise, Amplitude, Poisson
from ptychograd.refinement.stage_actions import ShrinkWrap
from ptychograd.runs.plan.effects.detector import refines_flat_field
from ptychograd.runs.plan.effects.wave import held_unless_asked
from ptychograd.runs.plan.held_share import REFINE_AFTER as POSITIONS_AFTER
from ptychograd.runs.plan.held_share import refines_positions
from ptychograd.runs.plan.noises import are_counted, check_saturation, noise_of, priors_of
from ptychograd.runs.plan.problems import about_field
from ptychograd.runs.plan.sections.fit import StageSection
from ptychograd.runs.plan.solvers import make_solver
from ptychograd.runs.setting_names import PROBE_HELD
from ptychograd.runs.solver_choice import QuasiNewtonNearNoise
from ptychograd.runs.stage import Stage
from ptychograd.runs.stages import FEWEST, crystal_search, with_flat_field_calibration

if TYPE_CHECKING:
    from ptychograd.runs.plan.whole import PlanFields

HOLD_PROBE = {"rpie": 1, "epie": 1, "ad-epie": 1, "adam": 1, "lbfgs": 1}  # epochs; others need none
UNEVEN, HOLD_UNEVEN = 0.3, 2  # contrast of the scan's photons above which every solver needs so many
FEWEST_WITH_HOLD = 30  # epochs, of which two are soon made up for
EPOCHS = 60  # of a far field; a near field takes from 20 to 1000
CRYSTAL_EPOCHS = 40
BATCHES_SHARE, FEWEST_TO_CHOOSE = 1 / 3, 30  # of the epochs, before a solver is chosen; epochs that are worth a choice
POISSON_SHARE = 1 / 3  # of the epochs, at the end: far from a solution the Poisson likelihood leads astray
COOLING_SHARE = 0.3  # of the epochs, at the end, for a solver that then takes smaller steps
MOST_EPOCHS, MOST_STEPS = 300, 7500  # of "auto" epochs, the longer of the two
STEPS_OF_SPAN = 160  # over which a misfit has to fall
REFINE_AFTER = 0.2  # of the epochs: what object and probe can't explain shows once they are roughly there
OBJECT, BOTH = ("object",), ("object", "probe")
CONSTRAINTS = {
    "positive": Positive,
    "real": Real,
    "phase-only": PhaseOnly,
    "magnitude-at-most-one": MagnitudeAtMostOne,
}


def with_usual_epochs(plan: "PlanFields", data: Dataset) -> "PlanFields":
    """The plan with as many epochs as the kind of experiment usually takes, and the noise that a flat field needs."""
    if refines_flat_field(plan.fit.refine, plan.model.detector) and plan.fit.noise is None:
        plan = plan.with_fields({"fit.noise": "poisson"})
    usual = "auto" if data.near_field else CRYSTAL_EPOCHS if data.rocking_curve else EPOCHS
    return plan.with_fields({"fit.epochs": usual}) if plan.fit.epochs is None else plan


def usual_hold(plan: "PlanFields", data: Dataset) -> int | None:
    """Epochs in which the probe is held at first where the plan doesn't say; None where it does, and for a crystal.

    A flat start object explains nothing of patterns that differ much in their photons. Refined at once, the probe takes
    the blame for that, and the run is slow to find back (measured: docs/benchmarks.md).
    """
    fit, start = plan.fit, plan.model.start
    if fit.hold_probe is not None or data.rocking_curve:
        return None
    held = _hold_of_solver(plan)
    begins_flat = start.object != "random" and start.result is None and data.support is None
    is_long = not isinstance(fit.epochs, int) or fit.epochs >= FEWEST_WITH_HOLD
    if plan.is_of_package and data.is_far_field and begins_flat and is_long and contrast(data) > UNEVEN:
        held = max(held, HOLD_UNEVEN)
    return held


def hold_of(settings: Mapping, plan: "PlanFields", data: Dataset) -> int | None:
    """The same as the run took that these settings of a result are of, whatever would be taken of the data now."""
    if plan.fit.hold_probe is not None or data.rocking_curve:
        return None
    return settings.get(PROBE_HELD, _hold_of_solver(plan))  # before it was kept, the solver alone decided


def _hold_of_solver(plan: "PlanFields") -> int:
    return HOLD_PROBE.get(str(plan.fit.solver.kind or ""), 0) if plan.is_of_package else 0


def make_stages(plan: "PlanFields", data: Dataset, model: AbstractModel) -> tuple[Stage, ...]:
    """The stages of the run: those that the plan spells out, or those that its kind of experiment takes."""
    plan = with_usual_epochs(plan, data)
    check_saturation(plan.model.detector.saturation, data)
    by_default = BOTH if plan.is_of_package else refined_by_default(model)
    if (held := usual_hold(plan, data)) is not None:
        plan = plan.with_fields({"fit.hold_probe": held})
    if plan.fit.stages:
        stages = [_spelled_out(stage, plan, data, by_default) for stage in plan.fit.stages]
    else:
        size = plan.fit.batch_size
        size = make_solver(plan).suited_batch_size(data) if size is None else size
        steps = -(-data.count // max(1, size))
        planned = (_crystal_stages if data.rocking_curve else _stages)(plan, steps)
        check_counted(planned, plan)
        if not plan.is_of_package:
            planned = [stage._replace(trainable=by_default) for stage in planned]
        stages = refined(_with_noise(planned, plan, data), plan.fit.refine, _refine_after(plan))
    for name in plan.fit.constraints:
        with about_field(f"fit.constraints.{name}"):
            check_names([name], named_parameters(model))
    constraints = {path: CONSTRAINTS[name]() for path, name in plan.fit.constraints.items()}
    priors = priors_of(plan.fit.priors)
    stages = [stage._replace(priors=stage.priors or priors, constraints=constraints) for stage in stages]
    return with_flat_field_calibration(tuple(held_unless_asked(stages, model, plan.fit.refine)), data, model)


def _spelled_out(asked: StageSection, plan: "PlanFields", data: Dataset, by_default: tuple[str, ...]) -> Stage:
    """A stage as the plan spells it out; what it does not say is as in the fit."""
    noise = asked.noise or plan.fit.noise or "amplitude"
    until = Converged() if asked.epochs == "auto" else None
    return Stage(
        MOST_EPOCHS if until else asked.epochs,  # type: ignore[arg-type]
        (*by_default, *plan.fit.refine) if asked.refine is None else asked.refine,
        noise_of(plan, noise, data),
        until,
        priors=() if asked.priors is None else priors_of(asked.priors),
        solver=None if asked.solver is None else make_solver(plan, asked.solver),
        batch_size=asked.batch_size,
    )


def _with_noise(stages: Iterable[Stage], plan: "PlanFields", data: Dataset) -> list[Stage]:
    """The stages with the noise models that are asked for: one in the place of `Amplitude`, one of `Poisson`."""
    late = "poisson" if plan.fit.noise in (None, "amplitude") else plan.fit.noise
    full: dict[type, AbstractNoise] = {
        Amplitude: noise_of(plan, "amplitude", data),
        Poisson: noise_of(plan, late, data),
    }
    return [stage._replace(noise=full.get(type(stage.noise), stage.noise)) for stage in stages]


def _refine_after(plan: "PlanFields") -> int:
    """Epochs before what is asked for beside object and probe is refined."""
    given, epochs = plan.fit.refine_after, plan.fit.epochs
    if given is None:
        share = POSITIONS_AFTER if refines_positions(plan.fit.refine) else REFINE_AFTER
        return round(share * (epochs if isinstance(epochs, int) else EPOCHS))
    return given


def refined(stages: Iterable[Stage], names: Iterable[str], after: int) -> list[Stage]:
    """The stages of a run, with parameters of these names refined after so many epochs.

    Raises `InputError` where so many are all that it has.
    """
    names, done, parts = tuple(names), 0, []
    for stage in stages:
        begun = stage._replace(trainable=(*stage.named, *names)) if names else stage
        alone = min(stage.epochs, max(0, after - done)) if names else 0
        if alone:
            parts.append(stage._replace(epochs=alone, until=None if alone < stage.epochs else stage.until))
        if not alone or alone < stage.epochs:
            parts.append(begun._replace(epochs=stage.epochs - alone, first=() if alone else stage.first))
        done += stage.epochs
    if names and 0 < done <= after:
        raise InputError(
            f"`fit.refine_after` {after} leaves no epoch to refine {', '.join(names)}: the run has {done}; give fewer."
        )
    return parts


def check_counted(stages: Iterable[Stage], plan: "PlanFields") -> None:
    """Refuse to calibrate a flat field where counted photons are asked for, and no epoch is left that fits them."""
    asked = refines_flat_field(plan.fit.refine, plan.model.detector) and plan.fit.noise != "amplitude"
    if not asked or are_counted(stage.noise for stage in stages if stage.epochs):
        return
    held = f" and `fit.hold_probe` {plan.fit.hold_probe}" if plan.fit.hold_probe else ""
    raise InputError(
        f"With `fit.epochs` {plan.fit.epochs}{held} there is no epoch that fits counted photons, by which "
        "detector.flat_field is calibrated; give more epochs" + (", or hold the probe for fewer." if held else ".")
    )


def _crystal_stages(plan: "PlanFields", steps: int) -> tuple[Stage, ...]:
    """The search for the crystal, then the stages of any run in its support; the beam held unless told."""
    fit, held = plan.fit, plan.fit.hold_probe
    epochs = fit.epochs if isinstance(fit.epochs, int) else None
    search = ()
    if fit.shrink_wrap and (epochs is None or epochs >= FEWEST):
        search = crystal_search(CRYSTAL_EPOCHS if epochs is None else epochs)
    done = sum(stage.epochs for stage in search)
    rest = plan.with_fields({"fit.epochs": "auto" if epochs is None else epochs - done, "fit.hold_probe": 0})
    if not search:
        return tuple(_probe_held(_stages(rest, steps), held)) or (Stage(0, OBJECT),)
    stages = _stages(rest.with_fields({"fit.noise": "amplitude"}), steps)
    if fit.noise != "amplitude":
        stages = tuple(stage._replace(noise=Poisson()) for stage in stages)
    stages = (stages[0]._replace(first=(ShrinkWrap(),)), *stages[1:])
    return tuple(_probe_held((*search, *stages), held))


def too_short_for_search(plan: "PlanFields", data: Dataset) -> str:
    """What a person is to know of a crystal's run that is too short to look for the crystal; nothing of others."""
    epochs = plan.fit.epochs
    is_short = isinstance(epochs, int) and 0 < epochs < FEWEST
    if not (data.rocking_curve and plan.fit.shrink_wrap and is_short):
        return ""
    return f"{epochs} epochs are too few to cut off ghosts and find the place along the beam; give {FEWEST}"


def _probe_held(stages: tuple[Stage, ...], held: int | None) -> Iterator[Stage]:
    """The stages, with the probe refined after the first `held` epochs; never if that is None."""
    done = 0
    for stage in stages:
        alone = stage.epochs if held is None else min(stage.epochs, max(0, held - done))
        if alone:
            yield stage._replace(epochs=alone, trainable=OBJECT)
        if alone < stage.epochs:
            yield stage._replace(epochs=stage.epochs - alone, trainable=BOTH, first=() if alone else stage.first)
        done += stage.epochs


def _stages(plan: "PlanFields", steps: int) -> tuple[Stage, ...]:
    """The probe held first, the Poisson likelihood last, and what is between, which may settle early.

    `steps` of an epoch tell how long it takes to see whether a run has settled, and how long it may go on.
    """
    fit, kind = plan.fit, plan.fit.solver.kind
    auto = not isinstance(fit.epochs, int)
    epochs = fit.epochs if isinstance(fit.epochs, int) else max(MOST_EPOCHS, MOST_STEPS // steps)
    held = min(fit.hold_probe or 0, epochs)
    counting = math.ceil(POISSON_SHARE * epochs) if fit.noise not in (None, "amplitude") else 0
    counting = min(counting, epochs - held)
    is_cooled = kind in (None, "nesterov")
    cooling = math.ceil(COOLING_SHARE * epochs) if auto and not counting and is_cooled else 0
    middle = epochs - held - counting - cooling
    converged = Converged(least_span=STEPS_OF_SPAN // steps)
    chooses = kind is None and fit.batch_size is None and not auto and epochs >= FEWEST_TO_CHOOSE
    first = min(middle, round(BATCHES_SHARE * epochs)) if chooses else middle
    choice = QuasiNewtonNearNoise() if chooses else None
    stages = (
        Stage(held, OBJECT, Amplitude()),
        Stage(first, BOTH, Amplitude(), converged if auto else None),
        Stage(middle - first, BOTH, Amplitude(), solver=choice),
        Stage(cooling, BOTH, Amplitude()),
        Stage(counting, BOTH, Poisson(), solver=choice),
    )
    return tuple(stage for stage in stages if stage.epochs) or stages[1:2]
