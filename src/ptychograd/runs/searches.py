"""The best point among fields of a plan, found without trying all of them."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ptychograd.core.errors import InputError, check_seed
from ptychograd.core.version import __version__
from ptychograd.fitting.reconstruction import INTERRUPTED
from ptychograd.fitting.result import Result
from ptychograd.runs.many import try_all
from ptychograd.runs.plan_sweep import PlanGrid, Point, held_out_alike, key_of
from ptychograd.runs.search_space import Axis, Range, axes_of, corners
from ptychograd.runs.setting_names import HELD_OUT
from ptychograd.runs.stage import Run
from ptychograd.runs.sweeps import Measure, Row, possible, row_of
from ptychograd.runs.trials import Attempt, PrunedError, Trials, opened

if TYPE_CHECKING:
    from ptychograd.runs.plan.whole import PlanFields

EARLIEST = 1 / 3  # of its epochs: no run is pruned before
LEFT_OUT = {"data": ("paths",), "machine": ("devices", "memory")}  # of a plan, what changes no figure
Check = Callable[[Run], None]
FIGURES = ("r_factor", "loss", HELD_OUT)


class Search(NamedTuple):
    """What a search found: figures of every trial, and the result at the best point.

    Args:
        axes: the fields over which was searched, by their paths.
        rows: one for every trial, in their order; where one failed or was pruned figures are NaN, as `reason` says.
        best: the row with the smallest R of held-out patterns; None if there is none.
        result: the result at the best point, as that of a single run.
    """

    axes: dict[str, Axis]
    rows: tuple[Row, ...]
    best: Row | None
    result: Result | None

    def values(self, figure: str) -> np.ndarray:
        """One figure of every trial."""
        return np.array([row.figures.get(figure, np.nan) for row in self.rows])


class Caller(NamedTuple):
    """What a caller adds to a search: further figures, runs that are known, and who hears of runs and trials."""

    measure: Measure | None
    archived: Callable[[Point], Result | None] | None
    on_run: Callable[[Point, Result], None] | None
    on_trial: Callable[[Row], None] | None

    def hear(self, row: Row) -> None:
        """A trial has ended, now or in an earlier call."""
        if self.on_trial is not None:
            self.on_trial(row)

    def known(self, point: Point) -> Result | None:
        """The result at a point that is known from before."""
        return None if self.archived is None else self.archived(point)


def search(
    grid: PlanGrid,
    space: Mapping[str, Range | Sequence],
    trials: int,
    *,
    method: str = "bayesian",
    seed: int = 0,
    study_file: str | Path | None = None,
    measure: Measure | None = None,
    archived: Callable[[Point], Result | None] | None = None,
    on_run: Callable[[Point, Result], None] | None = None,
    on_trial: Callable[[Row], None] | None = None,
) -> Search:
    """Find the point with the smallest R of held-out patterns by trying some, one after another.

    Where the plan holds out no patterns, 5 % are held out. A run is pruned where, after a third of its epochs or later,
    its lowest R of held-out patterns so far is above the median of earlier trials at that epoch. The same seed gives
    the same points, also after an interrupt: KeyboardInterrupt is raised on, and finished trials stay in the file.

    Args:
        grid: the plan and its data.
        space: by the path of a field a `Range`, or a list of values.
        trials: how many in all, those in the file among them. Fewer are done where there are no more points.
        method: "bayesian", points near those that were good (Optuna's tree-structured Parzen estimators, after ten
            random ones), or "random".
        seed: of the choice of points.
        study_file: of SQLite, which keeps the trials; one of a search of other data, another plan or space is refused.
        measure: a function from a result and its point to further figures, by name.
        archived: a function from a point to a result that is known from before, or None.
        on_run: is called with each new result, as (point, result).
        on_trial: is called with the row of each trial, first with those in the file.

    Returns:
        the figures of all trials, and the best result.

    Raises:
        InputError: Optuna is not installed, a field can't be searched, or the file is of another search.

    Example:
        grid = pg.runs.PlanGrid(plan, pg.Plan.read, plan.read())
        space = {"fit.batch_size": pg.runs.Range(4, 256, log=True), "fit.noise": ["amplitude", "poisson"]}
        found = pg.runs.search(grid, space, 30, study_file="search.sqlite3")
        found.best.point, found.result.object
    """
    if trials < 1:
        raise InputError(f"{trials} trials; expected 1 or more.")
    check_seed(seed)
    axes = axes_of(space, grid.plan)
    plan = held_out_alike(grid.plan, corners(axes), grid.data, always=True)
    grid = grid if plan is grid.plan else grid.with_plan(plan)
    file = None if study_file is None else Path(study_file)
    with opened(axes, method, seed, _about(plan, axes, grid), file) as known:
        return _all_trials(grid, known, trials, Caller(measure, archived, on_run, on_trial))


def _all_trials(grid: PlanGrid, known: Trials, trials: int, caller: Caller) -> Search:
    rows, best = known.rows(), None
    for row in rows:
        caller.hear(row)
    most, check = math.prod(axis.size for axis in known.axes.values()), possible()
    while len(rows) < trials and len({key_of(row.point) for row in rows}) < most:
        trial = known.ask(len(rows), {key_of(row.point) for row in rows})
        row, result = _row(grid, trial, check, caller, known)
        grid.forget(trial.point)
        rows.append(row)
        if result is not None and _best(rows) is row:
            best = result
        caller.hear(row)
    return _found(grid, known, rows, best, caller, check)


def _row(grid: PlanGrid, trial: Attempt, check: Check, caller: Caller, known: Trials) -> tuple[Row, Result | None]:
    """A trial's row, and its result."""
    try:
        row, result = _tried(grid, trial, check, caller)
        known.tell(trial, row)
    except KeyboardInterrupt:
        known.drop(trial)
        raise
    return row, result


def _tried(grid: PlanGrid, trial: Attempt, check: Check, caller: Caller) -> tuple[Row, Result | None]:
    try:
        result = _result(grid, trial, check, caller)
        validated = grid.planned(trial.point).validated(result)
    except (InputError, PrunedError) as problem:
        return Row(trial.point, dict.fromkeys(FIGURES, np.nan), str(problem)), None

    def figures(_: Result, point: Point) -> dict[str, float]:
        more = caller.measure(validated, point) if caller.measure else {}
        return {HELD_OUT: validated.settings.get(HELD_OUT, np.nan), **more}

    row = row_of(trial.point, validated, figures)
    return row if row.figures else row._replace(figures=dict.fromkeys(FIGURES, np.nan)), validated


def _result(grid: PlanGrid, trial: Attempt, check: Check, caller: Caller) -> Result:
    """The result at a point, unless it is pruned or can't be had; known from before, or new."""
    point = trial.point
    result = caller.known(point)
    if result is not None:
        for epochs, r_factor in result.history.monitored.items():
            trial.note(epochs, r_factor)
        return result
    result = _performed(_pruned(grid.run(point), trial), check)
    if caller.on_run is not None:
        caller.on_run(point, result)
    return result


def _performed(run: Run, check: Check) -> Result:
    result = next(try_all({"": run}, 1, check))[1]
    if isinstance(result, InputError):
        raise result
    if result.stopped == INTERRUPTED:
        raise KeyboardInterrupt
    return result


def _pruned(run: Run, trial: Attempt) -> Run:
    """The run that ends where earlier trials were better by then, as far as its held-out patterns are looked at."""
    monitored, planned = run.monitor, sum(stage.epochs for stage in run.stages)
    if monitored is None:
        return run

    def monitor(epochs: int, so_far: Callable[[], Result]) -> float:
        r_factor = monitored(epochs, so_far)
        if math.isfinite(r_factor) and trial.note(epochs, r_factor) and EARLIEST * planned <= epochs < planned:
            raise PrunedError(epochs, r_factor)
        return r_factor

    return run._replace(monitor=monitor)


def _best(rows: Sequence[Row]) -> Row | None:
    """The first of those with the smallest R of held-out patterns."""
    whole = [row for row in rows if not row.reason and np.isfinite(row.figures.get(HELD_OUT, np.nan))]
    return min(whole, key=lambda row: row.figures[HELD_OUT], default=None)


def _found(
    grid: PlanGrid, known: Trials, rows: Sequence[Row], result: Result | None, caller: Caller, check: Check
) -> Search:
    """What was found, with the best result; that of an earlier call is the one that was kept, or is made anew."""
    best = _best(rows)
    if best is not None and result is None:
        archived = caller.known(best.point)
        result = archived if archived is not None else _performed(grid.run(best.point), check)
    if best is not None and result is not None:
        result = grid.whole(result, best.point)
    return Search(dict(known.axes), tuple(rows), best, result)


def _about(plan: "PlanFields", axes: Mapping[str, Axis], grid: PlanGrid) -> dict:
    """What makes two searches the same one; where data lie, results go and devices are makes no difference."""
    said = {name: value for name, value in plan.as_settings().items() if name != "output"}
    for section, names in LEFT_OUT.items():
        said[section] = {name: value for name, value in said.get(section, {}).items() if name not in names}
    space = {path: axis.summary for path, axis in axes.items()}
    return {"data": grid.data.fingerprint, "plan": said, "space": space, "version": __version__}
