"""The two ways of a sweep through its points, each in a folder from which it goes on: all of a grid, or a search."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ptychograd.data.dataset import Dataset
from ptychograd.fitting.result import Result
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan_sweep import Point, name_of
from ptychograd.runs.search_space import Range, axes_of, corners
from ptychograd.runs.searches import Row, Search, search
from ptychograd.runs.setting_names import HELD_OUT
from ptychograd.runs.sweep_folder import SweepFolder
from ptychograd.runs.sweeps import Sweep, sweep

Compare = Callable[[Result, Dataset], Mapping[str, float]]
Advance = Callable[[float, str], object]
TRIALS = "search.sqlite3"


class AbstractWay(ABC):
    """Which points are tried.

    Its `name` is for a person; `always_judged` says whether patterns are held out of every run.
    """

    name: ClassVar[str]
    always_judged: ClassVar[bool]

    @abstractmethod
    def points(self, plan: Plan) -> list[dict[str, object]]:
        """Points that say which patterns are held out. Raises `InputError` for a value that suits no plan."""

    @abstractmethod
    def perform(self, store: SweepFolder, compare: Compare, advance: Advance) -> tuple[Sweep | Search, str]:
        """What was found, and the figure by which the best point is chosen.

        Args:
            store: begun with these points; finished runs in it are not made again.
            compare: further figures of a result, from the data that it is of.
            advance: is told which share of the whole a point is, and the point in words.
        """


@dataclass(frozen=True)
class GridWay(AbstractWay):
    """Every point of a grid.

    Args:
        axes: the values of each field.
    """

    axes: Mapping[str, Sequence]
    name: ClassVar[str] = "sweep"
    always_judged: ClassVar[bool] = False

    def points(self, plan: Plan) -> list[dict[str, object]]:
        """All of them; a value that suits no plan is no point that fails."""
        for path, values in self.axes.items():
            for value in values:
                plan.with_fields({path: value})
        return self._all()

    def _all(self) -> list[dict[str, object]]:
        return [dict(zip(self.axes, values, strict=True)) for values in itertools.product(*self.axes.values())]

    def perform(self, store: SweepFolder, compare: Compare, advance: Advance) -> tuple[Sweep, str]:
        """Every run, the best by R of held-out patterns where there are some at every point."""
        runs, points = store.runs, self._all()
        by = runs.judged_by(points)

        def done(point: Point, _: object = None) -> None:
            advance(1 / len(points), name_of(point))

        def known(point: Point) -> Result | None:
            result = store.find(point)
            if result is not None:
                done(point)
            return result

        def keep(point: Point, result: Result) -> None:
            store.keep(point, result)
            done(point)

        def measure(result: Result, point: Point) -> dict[str, float]:
            return {**compare(result, runs.run(point).data), **runs.held_out(result, point)}

        found = sweep(runs.run, self.axes, measure=measure, by=by, archived=known, on_run=keep, on_failure=done)
        if found.best is not None and found.result is not None:
            found = found._replace(result=runs.whole(found.result, found.best.point))
        return found, by


@dataclass(frozen=True)
class SearchWay(AbstractWay):
    """Some points between limits, with the plan's seed.

    Args:
        space: what each field is searched over.
        trials: how many in all.
        method: how points are chosen.
    """

    space: Mapping[str, Range | Sequence]
    trials: int
    method: str
    name: ClassVar[str] = "search"
    always_judged: ClassVar[bool] = True

    def points(self, plan: Plan) -> list[dict[str, object]]:
        """The corners of the space."""
        return [dict(point) for point in corners(axes_of(self.space, plan))]

    def perform(self, store: SweepFolder, compare: Compare, advance: Advance) -> tuple[Search, str]:
        """The trials, those in the file of the study among them; the best by R of held-out patterns."""

        def on_trial(row: Row) -> None:
            advance(1 / self.trials, f"{name_of(row.point)}: {row.reason or f'{row.figures[HELD_OUT]:.4g}'}")

        found = search(
            store.runs,
            self.space,
            self.trials,
            method=self.method,
            seed=store.runs.plan.seed,
            study_file=store.place / TRIALS,
            measure=lambda result, point: compare(result, store.runs.run(point).data),
            archived=store.find,
            on_run=store.keep,
            on_trial=on_trial,
        )
        return found, HELD_OUT
