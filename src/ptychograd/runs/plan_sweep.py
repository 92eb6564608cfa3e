"""A plan at every point of a grid of its fields."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ptychograd.core.errors import InputError
from ptychograd.core.log import log
from ptychograd.data.dataset import Dataset
from ptychograd.data.patterns import illuminated_positions
from ptychograd.fitting.result import Result
from ptychograd.runs.plan.held_share import HELD, held_share
from ptychograd.runs.plan.listing import field_at
from ptychograd.runs.plan.quantities import quantity
from ptychograd.runs.plan.wording import as_written
from ptychograd.runs.planned import PlannedRun
from ptychograd.runs.setting_names import HELD_OUT
from ptychograd.runs.stage import Run

if TYPE_CHECKING:
    from ptychograd.runs.plan.whole import PlanFields

READ = ("data", "geometry", "model.kind")  # what decides how files are read
LONGEST = 120  # characters of a file's name, of which file systems take 255 bytes
IN_A_NAME = re.compile(r"[^A-Za-z0-9_.+,-]")  # what is replaced: shells or file systems make something else of it
Point = Mapping[str, object]


class PlanGrid:
    """The runs of a plan at points of a grid, each made once.

    Args:
        plan: what all points have in common.
        read: reads the data of a plan; they are read anew only where a point says how.
        data: those of the plan itself.

    Example:
        grid = pg.runs.PlanGrid(plan, pg.Plan.read, plan.read())
        found = pg.sweep(grid.run, {"fit.batch_size": [4, 16]}, measure=grid.held_out)
    """

    def __init__(self, plan: "PlanFields", read: Callable[[Any], Dataset], data: Dataset):
        self.plan, self.data, self._read = plan, data, read
        self._made: dict[str, PlannedRun] = {}

    def judged_by(self, points: Iterable[Point]) -> str:
        """The figure by which the best point is chosen: R of held-out patterns, if there are some at every point."""
        return HELD_OUT if all(plan.holds_out for plan in _plans(self.plan, points)) else "r_factor"

    def with_plan(self, plan: "PlanFields") -> "PlanGrid":
        """The runs of another plan of the same data."""
        return PlanGrid(plan, self._read, self.data)

    def plan_at(self, point: Point) -> "PlanFields":
        """The plan at a point, whose coordinates are fields."""
        return self.plan.with_fields(point)

    def planned(self, point: Point) -> PlannedRun:
        """The run at a point, with the patterns that are held out of it."""
        name = key_of(point)
        if name not in self._made:
            plan = self.plan_at(point)
            is_read_anew = any(path == one or path.startswith(f"{one}.") for path in point for one in READ)
            self._made[name] = PlannedRun.of(plan, self._read(plan) if is_read_anew else self.data)
        return self._made[name]

    def forget(self, point: Point) -> None:
        """Give back the memory that the run at a point takes."""
        self._made.pop(key_of(point), None)

    def run(self, point: Point) -> Run:
        """The run at a point."""
        return self.planned(point).run

    def held_out(self, result: Result, point: Point) -> dict[str, float]:
        """R of the patterns that are held out at a point, where there are any."""
        validated = self.planned(point).validated(result)
        return {HELD_OUT: validated.settings[HELD_OUT]} if HELD_OUT in validated.settings else {}

    def whole(self, result: Result, point: Point) -> Result:
        """The result at a point with its plan and with what held-out patterns say of it, as that of a single run."""
        planned = self.planned(point)
        return planned.described(planned.validated(result))


def held_out_alike(plan: "PlanFields", points: Iterable[Point], data: Dataset, always: bool = False) -> "PlanFields":
    """The plan with the same patterns held out at all points, if they are at some, or if they are to be `always`.

    Else figures of points at which positions are refined, for which some are held out, were not those of the others.
    """
    plans = list(_plans(plan, points))
    held = [one for one in plans if one.holds_out]
    shares = {one.validation.hold_out for one in held}
    if len(held) == len(plans) and len(shares) == 1:
        return plan
    if any(one.validation.hold_out != plan.validation.hold_out for one in plans) or not (held or always):
        return plan
    asked = (held or [plan])[0]
    share = held_share(None, asked.fit.refine, max(1, len(illuminated_positions(data)))) if held else HELD
    log.info(f"{share:.3g} of the patterns are held out of every run, to judge it (`validation.hold_out`).")
    return plan.with_fields({"validation.hold_out": share})


def _plans(plan: "PlanFields", points: Iterable[Point]) -> "Iterable[PlanFields]":
    """The plans at points, but of those at which there can be none."""
    for point in points:
        with suppress(InputError):
            yield plan.with_fields(point)


def name_of(point: Point) -> str:
    """A point in words."""
    return " ".join(f"{path}={_shown(path, value)}" for path, value in point.items())


def key_of(point: Point) -> str:
    """A point as a text that is the same for equal values, whatever their units."""
    return json.dumps({path: canonical(path, value) for path, value in point.items()}, default=repr)


def file_name_of(point: Point) -> str:
    """A name for the file of a point, which every file system and every shell takes; the same for equal values."""
    known = {path: canonical(path, value) for path, value in point.items()}
    texts = {path: _as_text(value).replace(" ", "").replace("µ", "u") for path, value in known.items()}
    text = "_".join(f"{path}-{value}" for path, value in texts.items())
    name = IN_A_NAME.sub("_", text)[:LONGEST]
    if name == text and not any("_" in value for value in texts.values()):
        return name
    return f"{name}_{hashlib.sha256(key_of(point).encode()).hexdigest()[:8]}"


def canonical(path: str, value: object) -> object:
    """A value of a field in one form for all units: "1 mm" for 0.001 and for "1000 µm"."""
    field = field_at(path)
    if isinstance(value, tuple):
        return list(value)
    if field is None or not field.unit or field.holds != "one" or not isinstance(value, str | int | float):
        return value
    try:
        return as_written(quantity(value, field.unit), field.unit)
    except ValueError:
        return value


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=repr)


def _shown(path: str, value: object) -> object:
    return value if isinstance(value, str) else canonical(path, value)
