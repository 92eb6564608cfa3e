"""The runs of two halves of the patterns, whose results tell the resolution."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ptychograd.data.dataset import Dataset
from ptychograd.data.splitting import halves
from ptychograd.fitting.epoch import Device
from ptychograd.runs.planned import PlannedRun

if TYPE_CHECKING:
    from ptychograd.runs.plan.whole import PlanFields


def planned_halves(plan: "PlanFields", data: Dataset, devices: Sequence[Device] | None = None) -> Iterator[PlannedRun]:
    """The run of each half of the patterns, which are chosen by chance; one after another, as memory is short.

    Args:
        plan: of the run of all patterns; each half has a seed of its own, as what chance does is not to be alike.
        data: all patterns.
        devices: which share every batch; one by default.
    """
    for number, half in enumerate(halves(data, plan.seed)):
        yield PlannedRun.of(plan.with_fields({"seed": plan.seed + number}), half, devices)
