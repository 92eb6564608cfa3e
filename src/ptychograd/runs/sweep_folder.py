"""The folder of a sweep: its finished runs, from which it goes on, and the result at its best point."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ptychograd.core.errors import NotWrittenError
from ptychograd.core.log import log
from ptychograd.core.version import __version__
from ptychograd.data.files import replacing
from ptychograd.fitting.result import Result
from ptychograd.runs.archive import archived, keep
from ptychograd.runs.folders import prepare_folder, removed, require_own_runs
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan_sweep import PlanGrid, Point, file_name_of, held_out_alike
from ptychograd.runs.searches import Search
from ptychograd.runs.setting_names import FOLDER
from ptychograd.runs.signals import ending
from ptychograd.runs.sweeps import Sweep

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
        """Keep a new result, while signals wait; without that it is part of this sweep all the same."""
        with ending.waiting():
            try:
                described = self.runs.planned(point).described(result)
                sourced = described._replace(settings=described.settings | {FOLDER: str(self.start)})
                keep(self.place, file_name_of(point), sourced, self._asked(point))
            except NotWrittenError as problem:
                log.warning("This run is not kept for later: %s", problem)

    def _asked(self, point: Point) -> dict:
        return {"version": __version__, **self.runs.plan_at(point).as_settings(), **self.runs.run(point).summary}


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
