"""A coarse reconstruction of a part of the scan, with object and probe alone, which shows soon what is coming."""

from pathlib import Path

from ptychograd.core.errors import InputError
from ptychograd.runs.job import require_data, result_path
from ptychograd.runs.plan.plan import Plan

EPOCHS = 30  # for which `preview_of` chooses a part of the data
NOT_IN_IT: dict[str, object] = {
    "fit.stages": (),
    "fit.solver": {"kind": "nesterov"},
    "fit.batch_size": None,
    "fit.refine": (),
    "fit.refine_after": None,
    "validation.hold_out": 0.0,
}


def preview_plan(plan: Plan) -> Plan:
    """The plan of the preview. Raises `InputError` for a scan that is still being written."""
    if plan.data.follow:
        raise InputError("A preview is of a scan that is complete; leave `data.follow` out.")
    epochs = plan.fit.epochs if isinstance(plan.fit.epochs, int) else EPOCHS
    return plan.with_fields({**NOT_IN_IT, "fit.epochs": min(epochs, EPOCHS)})


def picture_of(plan: Plan) -> Path:
    """Where the picture of the preview goes: beside the result. Raises `InputError` for a plan of no data."""
    require_data(plan)
    named = result_path(plan)
    return named.with_name(f"{named.stem.removesuffix('_result')}_preview.png")
