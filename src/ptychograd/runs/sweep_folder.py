"""The folder of a sweep: its finished runs, from which it goes on, and the result at its best point."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ptychograd.core.errors import NotWrittenError
from ptychograd.core.log import log
from ptychograd.core.version import __version__
from ptychograd.data.dataset import Dataset
from ptychograd.data.files import replacing
from ptychograd.fitting.result import Result
from ptychograd.runs.archive import archived, keep
from ptychograd.runs.folders import prepare_folder, removed, require_own_runs
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.whole import PlanFields
from ptychograd.runs.plan_sweep import PlanGrid, Point, file_name_of, held_out_alike, name_of
from ptychograd.runs.search_space import Range
from ptychograd.runs.searches import Row, Search, search
from ptychograd.runs.setting_names import FOLDER, HELD_OUT
from ptychograd.runs.sweeps import Sweep, sweep

Compare = Callable[[Result, Dataset], Mapping[str, float]]
Advance = Callable[[float, str], object]
Saving = Callable[[], AbstractContextManager]
TRIALS = "search.sqlite3"
TEXTS = ("sweep.txt", "sweep.csv", "sweep.json")
PICTURE, BEST = "sweep.png", "best.h5"


class SweepFolder(NamedTuple):
    """The runs of a sweep, and the folder in which it keeps them.

    Args:
        runs: of the plan at each point.
        place: the folder.
        start: the folder from which names in the plan are seen.
    """

    runs: PlanGrid
    place: Path
    start: Path

    @classmethod
    def begun(
        cls, plan: Plan, points: Sequence[Point], folder: Path, start: Path, *, is_named: bool, always: bool = False
    ) -> "SweepFolder":
        """The data read, and the folder ready for what is found.

        Args:
            plan: what all points have in common.
            points: of which some hold patterns out, perhaps, so that all are to do so alike.
            folder: where the sweep keeps what it finds, as seen from `start`.
            start: the folder from which names in the plan are seen.
            is_named: whether a person named the folder; else runs of another scan in it are refused.
            always: whether patterns are held out even if no point says so.

        Raises:
            InputError: the first point is no plan, its data can't be read, or the folder holds something else.
        """
        first, place = plan.with_fields(points[0]), start / folder
        first.check()
        data = first.read()
        prepare_folder(place, TEXTS, [PICTURE], [BEST])
        if not is_named:
            require_own_runs(place, Path(plan.data.paths[0]), data.fingerprint)
        return cls(PlanGrid(held_out_alike(plan, points, data, always), Plan.read, data), place, start)

    def find(self, point: Point) -> Result | None:
        """The result that an earlier sweep left at a point."""
        result = archived(self.place, file_name_of(point), self._asked(point))
        return None if result is None else result._replace(model=result.onto(self.runs.run(point).model))

    def keep(self, point: Point, result: Result) -> None:
        """Keep a new result; without that it is part of this sweep all the same."""
        try:
            described = self.runs.planned(point).described(result)
            sourced = described._replace(settings=described.settings | {FOLDER: str(self.start)})
            keep(self.place, file_name_of(point), sourced, self._asked(point))
        except NotWrittenError as problem:
            log.warning("This run is not kept for later: %s", problem)

    def sweep(
        self, axes: Mapping[str, Sequence], compare: Compare, advance: Advance, saving: Saving = nullcontext
    ) -> tuple[Sweep, str]:
        """Every run of a grid that is not kept from before, and by which figure the best is chosen.

        Args:
            axes: the values of each field; its points are those with which the folder was begun.
            compare: further figures of a result, from the data that it is of.
            advance: is told which share of the whole a point is, and the point in words.
            saving: what is entered while a result is written.
        """
        points, runs = points_of(self.runs.plan, axes), self.runs
        by = runs.judged_by(points)

        def done(point: Point, _: object = None) -> None:
            advance(1 / len(points), name_of(point))

        def known(point: Point) -> Result | None:
            result = self.find(point)
            if result is not None:
                done(point)
            return result

        found = sweep(
            runs.run,
            axes,
            measure=lambda result, point: {**compare(result, runs.run(point).data), **runs.held_out(result, point)},
            by=by,
            archived=known,
            on_run=partial(self._kept, saving, done),
            on_failure=done,
        )
        if found.best is not None and found.result is not None:
            found = found._replace(result=runs.whole(found.result, found.best.point))
        return found, by

    def search(
        self,
        space: Mapping[str, Range | Sequence],
        trials: int,
        method: str,
        compare: Compare,
        advance: Advance,
        saving: Saving = nullcontext,
    ) -> Search:
        """The trials of a search, those in its file among them, with the plan's seed.

        Args:
            space: what each field is searched over.
            trials: how many in all.
            method: how points are chosen.
            compare: further figures of a result, from the data that it is of.
            advance: is told which share of the whole a trial is, and what came of it in words.
            saving: what is entered while a result is written.
        """

        def on_trial(row: Row) -> None:
            advance(1 / trials, f"{name_of(row.point)}: {row.reason or f'{row.figures[HELD_OUT]:.4g}'}")

        return search(
            self.runs,
            space,
            trials,
            method=method,
            seed=self.runs.plan.seed,
            study_file=self.place / TRIALS,
            measure=lambda result, point: compare(result, self.runs.run(point).data),
            archived=self.find,
            on_run=partial(self._kept, saving, lambda _: None),
            on_trial=on_trial,
        )

    def _kept(self, saving: Saving, done: Callable[[Point], None], point: Point, result: Result) -> None:
        """Signals and the like wait until a result is kept and its point is told."""
        with saving():
            self.keep(point, result)
            done(point)

    def _asked(self, point: Point) -> dict:
        return {"version": __version__, **self.runs.plan_at(point).as_settings(), **self.runs.run(point).summary}


def points_of(plan: PlanFields, axes: Mapping[str, Sequence]) -> list[dict[str, object]]:
    """All points of a grid. Raises `InputError` for a value that suits no plan, which is no point that fails."""
    for path, values in axes.items():
        for value in values:
            plan.with_fields({path: value})
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def write_sweep(found: Sweep | Search, texts: Mapping[str, str], folder: Path, draw: Callable[[Path], None]) -> None:
    """All files of a sweep, each whole or not at all: texts by their names, the picture, and the best result."""
    with suppress(OSError):  # what keeps it from being made keeps the files from being written
        folder.mkdir(exist_ok=True)
    for name, content in texts.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    draw(folder / PICTURE)
    if found.best is not None and found.result is not None:
        found.result._replace(settings=found.result.settings | {"point": found.best.point}).save(folder / BEST)
    else:
        removed(folder / BEST)
