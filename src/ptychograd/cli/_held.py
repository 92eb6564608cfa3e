"""Patterns that are held out of a run: which, what they judge in it, and what they say of its result."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from ptychograd._errors import InputError
from ptychograd.cli._options import Options
from ptychograd.cli._places import held_share
from ptychograd.cli._verdicts import VERDICT

if TYPE_CHECKING:
    from ptychograd._dataset import Dataset
    from ptychograd._epoch import Device
    from ptychograd._judging import Misfits
    from ptychograd._model import AbstractModel
    from ptychograd._noise import AbstractNoise
    from ptychograd._result import Result
    from ptychograd._run import Run

HELD_OUT = "held_out_r_factor"
MOST = 0.5  # of the patterns
FEWEST = 2  # patterns: one to fit and one to judge


def check_share(options: Options) -> None:
    """Refuse to hold out more patterns than are fitted."""
    if options.hold_out is not None and options.hold_out > MOST:
        raise InputError(f"--hold-out {options.hold_out:g} leaves too few patterns to fit; expected {MOST:g} at most.")


def parted(options: Options, data: "Dataset") -> "tuple[Dataset, Dataset | None]":
    """The patterns that are fitted, and those that are not, if any."""
    from ptychograd._hold_out import hold_out, set_aside
    from ptychograd._patterns import lit_positions

    if options.hold_out is not None:
        return hold_out(data, options.hold_out, options.seed) if options.hold_out else (data, None)
    lit = len(lit_positions(data))
    share = held_share(None, options.refine or (), max(1, lit))
    if share and lit < FEWEST:
        raise InputError(f"{data.source} has {lit} patterns with photons, too few to judge refined positions by some.")
    return set_aside(data, max(1, round(share * lit)), options.seed) if share else (data, None)


def searched_and_judged(run: "Run", held: "Dataset | None") -> "Run":
    """The run with the positions that it refines searched as well, and judged by the patterns held out, if any."""
    from ptychograd._stages import judged, searched

    stages = searched(run.stages, run.data)
    return run._replace(stages=stages if held is None else judged(stages, held))


def watched(run: "Run", held: "Dataset | None") -> "Run":
    """The run with a look now and then at the patterns held out, if there are any with nothing refined of their own."""
    from ptychograd._judging import Watch
    from ptychograd._parameters import matches

    paths = [path for path in run.model.rows for stage in run.stages if any(matches(path, n) for n in stage.trainable)]
    if held is None or paths:
        return run
    return run._replace(watch=Watch(held, noise=run.stages[-1].noise))


class Judged(NamedTuple):
    """R of held-out patterns, the model with what was found of their own, and the misfits by which it was."""

    r_factor: float
    model: "AbstractModel"
    misfits: "Misfits | None" = None


def judged_by(
    held: "Dataset",
    result: "Result",
    refined: "Iterable[str]",
    noise: "AbstractNoise | None" = None,
    together: "Sequence[Device] | None" = None,
) -> Judged:
    """What patterns that were held out say of a result, where of the others these paths were `refined`."""
    from ptychograd._hold_out import r_factor
    from ptychograd._judging import looked_for, misfits, with_rows

    model = cast("AbstractModel", result.model)
    own = looked_for(model, refined)
    if not own:
        return Judged(r_factor(model, held, together, noise), model)
    found = misfits(model, held, noise, own)
    return Judged(found.r_factor, with_rows(model, held, found.rows), found)


def with_judges(
    result: "Result", data: "Dataset", held: "Dataset", found: Judged, noise: "AbstractNoise | None" = None
) -> "Result":
    """The result with a verdict in which held-out patterns tell the object from noise, if it has one."""
    from ptychograd._judging import misfits
    from ptychograd._verdict import judged_run

    if VERDICT not in result.settings:
        return result
    each = found.misfits or misfits(found.model, held, noise, {})
    verdict = judged_run(result, data, held=(held, each.residual))
    return result._replace(settings=result.settings | {VERDICT: verdict.words})
