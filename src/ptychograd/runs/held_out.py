"""Patterns that are held out of a run: which, what they judge in it, and what they say of its result."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import matches, named_parameters
from ptychograd.data.dataset import Dataset
from ptychograd.data.patterns import illuminated_positions
from ptychograd.data.splitting import hold_out, set_aside
from ptychograd.fitting.epoch import Device
from ptychograd.fitting.evaluation import r_factor
from ptychograd.fitting.reconstruction import CUT_SHORT
from ptychograd.fitting.result import Result
from ptychograd.fitting.verdict import VERDICT, assess
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.noise import AbstractNoise
from ptychograd.refinement.positions import (
    HeldOutMisfits,
    HeldOutMonitor,
    held_out_misfits,
    own_parameters,
    with_per_pattern,
)
from ptychograd.runs.plan.held_share import held_share
from ptychograd.runs.plan.problems import about_field
from ptychograd.runs.setting_names import HELD_OUT
from ptychograd.runs.stage import Run
from ptychograd.runs.stages import (
    WIDE,
    WIDE_IF_PLACED,
    with_position_placement,
    with_position_search,
    with_position_validation,
)

if TYPE_CHECKING:
    from ptychograd.runs.plan.whole import PlanFields

FEWEST = 2  # patterns: one to fit and one to judge


def parted(plan: "PlanFields", data: Dataset) -> tuple[Dataset, Dataset | None]:
    """The patterns that are fitted, and those that are not, if any."""
    asked = plan.validation.hold_out
    if asked is not None:
        with about_field("validation.hold_out"):
            return hold_out(data, asked, plan.seed) if asked else (data, None)
    illuminated = len(illuminated_positions(data))
    refine = plan.fit.refine if plan.validation.position_test else ()
    share = held_share(None, refine, max(1, illuminated))
    if share and illuminated < FEWEST:
        raise InputError(
            f"{data.source} has {illuminated} patterns with photons, too few to hold out some for refined positions."
        )
    return set_aside(data, max(1, round(share * illuminated)), plan.seed) if share else (data, None)


def with_search_and_validation(plan: "PlanFields", run: Run, held: Dataset | None) -> Run:
    """The run with the positions that it refines searched as well, and judged by the patterns held out, if any."""
    stages = run.stages
    within = plan.model.positions.placed_within
    if within is not None:
        stages = with_position_placement(stages, run.data, held, run.model, within)
    if plan.validation.position_search:
        stages = with_position_search(stages, run.data, run.model, WIDE if within is None else WIDE_IF_PLACED)
    if held is not None and plan.validation.position_test:
        stages = with_position_validation(stages, held, run.model)
    return run._replace(stages=stages)


def monitored(run: Run, held: Dataset | None) -> Run:
    """The run with a look now and then at the patterns held out, if there are any with nothing refined of their own."""
    refined = {name for stage in run.stages for name in stage.free(run.model)}
    paths = [path for path in run.model.per_pattern if any(matches(path, name) for name in refined)]
    if held is None or paths:
        return run
    return run._replace(monitor=HeldOutMonitor(held, noise=run.stages[-1].noise))


class HeldOutFigures(NamedTuple):
    """R of held-out patterns, the model with what was found of their own, and the misfits by which it was."""

    r_factor: float
    model: AbstractModel
    misfits: HeldOutMisfits | None = None


def validated_by(
    held: Dataset,
    result: Result,
    refined: Iterable[str],
    noise: AbstractNoise | None = None,
    together: Sequence[Device] | None = None,
) -> HeldOutFigures:
    """What patterns that were held out say of a result, where of the others these paths were `refined`."""
    model = cast(AbstractModel, result.model)
    own = own_parameters(model, refined, held)
    if not own:
        return HeldOutFigures(r_factor(model, held, together, noise), model)
    found = held_out_misfits(model, held, noise, own)
    return HeldOutFigures(found.r_factor, with_per_pattern(model, held, found.per_pattern), found)


def validated(run: Run, held: Dataset, result: Result) -> Result:
    """The result with what held-out patterns say of it, and after a whole run with what was found of their own."""
    noise = run.stages[-1].noise
    refined = {name for stage in run.stages for name in stage.free(run.model)}
    found = validated_by(held, result, refined, noise, run.devices)
    result, model = result._replace(settings=result.settings | {HELD_OUT: found.r_factor}), found.model
    if result.stopped in CUT_SHORT:  # which goes on from where it was
        return result
    result = _with_judges(result, run.data, held, found, noise)
    rows = {path: np.asarray(named_parameters(model)[path]) for path in model.per_pattern}
    return result._replace(model=model, arrays=result.arrays | rows)


def _with_judges(
    result: Result, data: Dataset, held: Dataset, found: HeldOutFigures, noise: AbstractNoise | None = None
) -> Result:
    """The result with a verdict in which held-out patterns tell the object from noise, if it has one."""
    if VERDICT not in result.settings:
        return result
    each = found.misfits or held_out_misfits(found.model, held, noise, {})
    verdict = assess(result, data, held=(held, each.residual))
    return result._replace(settings=result.settings | {VERDICT: verdict.summary})
