"""Whether two halves of the patterns share an image: what only one of them shows is noise."""

from dataclasses import replace
from typing import NamedTuple

from ptychograd.core.errors import InputError
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset
from ptychograd.data.geometry import format_length
from ptychograd.fitting.reconstruction import require_whole
from ptychograd.fitting.result import NonFiniteError, Result
from ptychograd.fitting.verdict import NOT_SOLVED, VERDICT
from ptychograd.quality.half_data import half_agreement
from ptychograd.runs.halves import planned_halves
from ptychograd.runs.held_out import parted
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.sections.model import BEAMS

EPOCHS = 24  # of each half: the beam is known
SHARED = 0.12  # of the highest frequency, up to which halves have to agree at least


class HalvesShared(NamedTuple):
    """Whether halves share the image, and in words up to which detail.

    Args:
        is_shared: None if it could not be found out.
        summary: in words.
    """

    is_shared: bool | None
    summary: str


@meant
def halves_share(plan: Plan, data: Dataset, result: Result) -> HalvesShared:
    """Reconstruct both halves of the patterns shortly, with the probe of a result, and compare their images.

    The object starts anew in each, so that what they have in common is of the sample, or of the probe. Positions that
    were refined are taken as they were found, with the patterns that were fitted.

    Args:
        plan: of the result.
        data: all patterns.
        result: whose probe is the start.
    """
    fields: dict[str, object] = {"fit.epochs": EPOCHS, "validation.hold_out": 0.0, "fit.stages": ()}
    start = dict.fromkeys((*BEAMS, "result"))
    fields |= {f"model.start.{name}": value for name, value in start.items()} | {"model.start.defocus": 0.0}
    fields |= {"model.start.probe": result.probe, "fit.refine": tuple(p for p in plan.fit.refine if "scan" not in p)}
    fields |= {"model.positions.placed_within": None}
    try:
        halves = [
            require_whole(half.perform())
            for half in planned_halves(plan.with_fields(fields), _as_found(plan, data, result))
        ]
        found = half_agreement(*halves)
    except (InputError, NonFiniteError) as problem:
        return HalvesShared(None, f"halves of the patterns could not be compared: {problem}")
    crossing, limit = found.crossing(0.5), found.limit
    if crossing is None or crossing < SHARED * limit:
        return HalvesShared(False, "two halves of the patterns do not share the image")
    size = found.resolution()
    text = format_length(size) if result.sampling is not None and size else f"{size:.2g} pixels"
    return HalvesShared(True, f"two halves of the patterns share the image, to lines {text} wide")


def _as_found(plan: Plan, data: Dataset, result: Result) -> Dataset:
    """The data that a result was fitted to, at the positions that it found."""
    found = result.positions_refined
    return data if found is None else replace(parted(plan, data)[0], positions=found)


def with_halves(result: Result, shared: HalvesShared) -> Result:
    """The result with a verdict that is never sure of an image that halves do not share."""
    verdict = result.settings.get(VERDICT)
    if verdict is None or shared.is_shared is not False:
        return result
    cause = {"code": "halves", "found": shared.summary}
    verdict = {**verdict, "code": NOT_SOLVED, "causes": [cause, *verdict["causes"]]}
    return result._replace(settings=result.settings | {VERDICT: verdict})
