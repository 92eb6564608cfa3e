"""A plan in little: what is coming, in under half a minute."""

from typing import TYPE_CHECKING

from ptychograd.data.dataset import BraggGeometry, Dataset
from ptychograd.data.preview import preview_of

if TYPE_CHECKING:
    from ptychograd.runs.plan.plan import Plan

SECONDS, EPOCHS = 30.0, 30


def previewed(plan: "Plan", data: Dataset) -> tuple["Plan", Dataset, str]:
    """The plan of a short run, the part of the data that it takes, and what was done to them.

    Thirty epochs of the default solver in place of those that are planned, or of its stages; a crystal has as many as
    it needs to be found.
    """
    part, note = preview_of(data, SECONDS)
    said = plan.said()
    fit = {name: value for name, value in said.get("fit", {}).items() if name not in ("stages", "refine_after")}
    epochs = {} if isinstance(data.geometry, BraggGeometry) else {"epochs": EPOCHS}
    fit |= {"solver": {"kind": "nesterov"}, "batch_size": None, **epochs}
    short = plan.with_fields({"fit": fit})
    return short, part, note
