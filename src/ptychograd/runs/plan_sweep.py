"""A plan at every point of a grid of its fields."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ptychograd.data.dataset import Dataset
from ptychograd.fitting.result import Result
from ptychograd.runs.planned import PlannedRun
from ptychograd.runs.setting_names import HELD_OUT
from ptychograd.runs.stage import Run

if TYPE_CHECKING:
    from ptychograd.runs.plan.plan import Plan

READ = ("data", "geometry", "model.kind")  # what decides how files are read
Point = Mapping[str, object]


class PlanGrid:
    """The runs of a plan at points of a grid, each made once.

    Args:
        plan: what all points have in common.
        read: reads the data of a plan; they are read anew only where a point says how.
        data: those of the plan itself.

    Example:
        >>> grid = pg.runs.PlanGrid(plan, pg.Plan.read, plan.read())
        >>> found = pg.sweep(grid.run, {"fit.batch_size": [4, 16]}, measure=grid.held_out, by=grid.by)
    """

    def __init__(self, plan: "Plan", read: "Callable[[Plan], Dataset]", data: Dataset):
        self.plan, self._read, self._data = plan, read, data
        self._made: dict[str, PlannedRun] = {}

    @property
    def by(self) -> str:
        """The figure by which the best point is chosen: R of held-out patterns, if there are any."""
        return HELD_OUT if self.plan.holds_out else "r_factor"

    def plan_at(self, point: Point) -> "Plan":
        """The plan at a point, whose coordinates are fields."""
        return self.plan.with_fields(point)

    def planned(self, point: Point) -> PlannedRun:
        """The run at a point, with the patterns that are held out of it."""
        name = name_of(point)
        if name not in self._made:
            plan = self.plan_at(point)
            is_read_anew = any(path == one or path.startswith(f"{one}.") for path in point for one in READ)
            self._made[name] = PlannedRun.of(plan, self._read(plan) if is_read_anew else self._data)
        return self._made[name]

    def run(self, point: Point) -> Run:
        """The run at a point."""
        return self.planned(point).run

    def held_out(self, result: Result, point: Point) -> dict[str, float]:
        """R of the patterns that are held out at a point, where there are any."""
        judged = self.planned(point).validated(result)
        return {HELD_OUT: judged.settings[HELD_OUT]} if HELD_OUT in judged.settings else {}


def name_of(point: Point) -> str:
    """A point in words, as a name of files."""
    return " ".join(f"{path}={value}" for path, value in point.items()).replace("/", "_")
