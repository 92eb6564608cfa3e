"""Patterns that are held out of a run: which, what they judge in it, and what they say of its result."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from ptychograd.cli.options import Options
from ptychograd.cli.places import held_share
from ptychograd.core.errors import InputError
from ptychograd.output.captions import VERDICT

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset
    from ptychograd.fitting.epoch import Device
    from ptychograd.fitting.result import Result
    from ptychograd.physics.model import AbstractModel
    from ptychograd.physics.noise import AbstractNoise
    from ptychograd.refinement.positions import HeldOutMisfits
    from ptychograd.runs.stage import Run

HELD_OUT = "held_out_r_factor"
MOST = 0.5  # of the patterns
FEWEST = 2  # patterns: one to fit and one to judge


def check_share(options: Options) -> None:
    """Refuse to hold out more patterns than are fitted."""
    if options.hold_out is not None and options.hold_out > MOST:
        raise InputError(f"--hold-out {options.hold_out:g} leaves too few patterns to fit; expected {MOST:g} at most.")


def parted(options: Options, data: "Dataset") -> "tuple[Dataset, Dataset | None]":
    """The patterns that are fitted, and those that are not, if any."""
    from ptychograd.data.patterns import illuminated_positions
    from ptychograd.data.splitting import hold_out, set_aside

    if options.hold_out is not None:
        return hold_out(data, options.hold_out, options.seed) if options.hold_out else (data, None)
    illuminated = len(illuminated_positions(data))
    share = held_share(None, options.refine or (), max(1, illuminated))
    if share and illuminated < FEWEST:
        raise InputError(
            f"{data.source} has {illuminated} patterns with photons, too few to hold out some for refined positions."
        )
    return set_aside(data, max(1, round(share * illuminated)), options.seed) if share else (data, None)


def with_search_and_validation(run: "Run", held: "Dataset | None") -> "Run":
    """The run with the positions that it refines searched as well, and judged by the patterns held out, if any."""
    from ptychograd.runs.stages import with_position_search, with_position_validation

    stages = with_position_search(run.stages, run.data, run.model)
    return run._replace(stages=stages if held is None else with_position_validation(stages, held, run.model))


def monitored(run: "Run", held: "Dataset | None") -> "Run":
    """The run with a look now and then at the patterns held out, if there are any with nothing refined of their own."""
    from ptychograd.core.parameters import matches
    from ptychograd.refinement.positions import HeldOutMonitor

    refined = {name for stage in run.stages for name in stage.free(run.model)}
    paths = [path for path in run.model.per_pattern if any(matches(path, name) for name in refined)]
    if held is None or paths:
        return run
    return run._replace(monitor=HeldOutMonitor(held, noise=run.stages[-1].noise))


class HeldOutFigures(NamedTuple):
    """R of held-out patterns, the model with what was found of their own, and the misfits by which it was."""

    r_factor: float
    model: "AbstractModel"
    misfits: "HeldOutMisfits | None" = None


def validated_by(
    held: "Dataset",
    result: "Result",
    refined: "Iterable[str]",
    noise: "AbstractNoise | None" = None,
    together: "Sequence[Device] | None" = None,
) -> HeldOutFigures:
    """What patterns that were held out say of a result, where of the others these paths were `refined`."""
    from ptychograd.fitting.evaluation import r_factor
    from ptychograd.refinement.positions import held_out_misfits, own_parameters, with_per_pattern

    model = cast("AbstractModel", result.model)
    own = own_parameters(model, refined)
    if not own:
        return HeldOutFigures(r_factor(model, held, together, noise), model)
    found = held_out_misfits(model, held, noise, own)
    return HeldOutFigures(found.r_factor, with_per_pattern(model, held, found.per_pattern), found)


def with_judges(
    result: "Result", data: "Dataset", held: "Dataset", found: HeldOutFigures, noise: "AbstractNoise | None" = None
) -> "Result":
    """The result with a verdict in which held-out patterns tell the object from noise, if it has one."""
    from ptychograd.fitting.verdict import assess
    from ptychograd.refinement.positions import held_out_misfits

    if VERDICT not in result.settings:
        return result
    each = found.misfits or held_out_misfits(found.model, held, noise, {})
    verdict = assess(result, data, held=(held, each.residual))
    return result._replace(settings=result.settings | {VERDICT: verdict.summary})
