"""The same reconstruction over a grid of settings."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from ptychograd.core.errors import InputError
from ptychograd.fitting.reconstruction import INTERRUPTED, NOT_FINITE
from ptychograd.fitting.result import Result
from ptychograd.fitting.verdict import VERDICT
from ptychograd.runs.many import try_all
from ptychograd.runs.memory_plan import memory_plan
from ptychograd.runs.run import check, possible_tasks
from ptychograd.runs.stage import Run

FLAT = 0.02  # of a curve's least value: less contrast than that is no valley
Point = Mapping  # a setting by the name of each axis
Made = TypeVar("Made")
Measure = Callable[[Result, Point], Mapping[str, float]]


class Row(NamedTuple):
    """One point of a grid and the figures of the result there; where it failed they are NaN, and `reason` says why.

    Args:
        point: the value on each axis, by its name.
        figures: numbers of the result, by name, as "r_factor".
        reason: why the figures are NaN, in words; empty where all went well.
        verdict: code of the verdict on the run there, as "near_noise"; empty where it has none.
    """

    point: dict
    figures: dict[str, float]
    reason: str = ""
    verdict: str = ""


class Sweep(NamedTuple):
    """What a sweep found: figures for every point of the grid, and the result at the best one.

    Args:
        grid: values of each axis, by its name.
        rows: one for every point, in the order of the grid, each with its `point`, its `figures` by name, the
            `reason` why there are none, if so, and the code of the `verdict`.
        best: the row with the smallest value of the figure by which to choose; None if no point has a finite one.
        result: the result at the best point; None if there is none.
    """

    grid: dict[str, tuple]
    rows: tuple[Row, ...]
    best: Row | None
    result: Result | None

    def values(self, figure: str) -> Float[np.ndarray, "..."]:
        """One figure over the grid, an axis of the array for each of the grid's."""
        shape = tuple(len(values) for values in self.grid.values())
        return np.array([row.figures.get(figure, np.nan) for row in self.rows]).reshape(shape)


def sweep(
    run: Callable[[Point], Run],
    grid: Mapping[str, Sequence],
    *,
    measure: Measure | None = None,
    by: str = "r_factor",
    at_once: int | None = None,
    archived: Callable[[Point], Result | None] | None = None,
    on_run: Callable[[Point, Result], None] | None = None,
    on_failure: Callable[[Point, str], None] | None = None,
) -> Sweep:
    """Reconstruct at every point of a grid of settings, and find the best one.

    Runs that differ in nothing but numbers are one compiled program, and on a GPU are computed side by side, as many as
    fit into memory or as `at_once` says. A point that fails disturbs no other: where `run` or the reconstruction raises
    `InputError`, where it needs more memory than there is, and where it diverges, figures are NaN, and its row says the
    reason. An interrupt ends the sweep: KeyboardInterrupt is raised on.

    Args:
        run: a function from a point, a dict from the name of each axis to a value, to its `Run`; anything may differ.
        grid: the values of each axis, by its name; all combinations are tried.
        measure: a function from a result and its point to further figures, by name. Figures are in any case
            "r_factor" and "loss" of the last epoch.
        by: the figure whose smallest value makes the best point.
        at_once: how many runs are computed side by side; by default as many as fit into the memory of a GPU, and on a
            CPU one on each core.
        archived: a function from a point to a result that is known from an earlier, interrupted sweep, or None.
        on_run: is called with each new result, as (point, result).
        on_failure: is called for each point without a result, as (point, reason).

    Returns:
        the figures over the grid, and the best result.

    Raises:
        InputError: the grid is empty, no point can be reconstructed, or there is no figure called `by`.

    Example:
        def run(point):
            solver = pg.adam({"object": point["object"], "probe": point["probe"]})
            return pg.Run(model, data, solver, (pg.Stage(100),), batch_size=100)

        found = pg.sweep(run, {"object": [0.1, 0.01, 0.001], "probe": [10.0, 1.0, 0.1]})
        found.values("r_factor")  # 3 x 3
        found.best.point, found.result.object
    """
    if isinstance(run, Run):
        raise InputError("A run is for one point; give a function that makes the Run of a point.")
    axes = {name: tuple(values) for name, values in grid.items()}
    if not axes or not all(axes.values()):
        raise InputError("A sweep needs at least one axis with at least one value.")
    every = enumerate(itertools.product(*axes.values()))
    points = {str(number): dict(zip(axes, values, strict=True)) for number, values in every}
    found: dict[str, Row] = {}
    best = None
    for name, result in _results(points, run, at_once, archived, on_run):
        row = found[name] = row_of(points[name], result, measure)
        if on_failure is not None and isinstance(result, InputError):
            on_failure(points[name], row.reason)
        if by not in row.figures and not row.reason:
            raise InputError(f'No figure "{by}" to choose the best by; there are: {", ".join(row.figures)}.')
        value = row.figures.get(by, np.nan)
        if isinstance(result, Result) and np.isfinite(value) and (best is None or value < best[0].figures[by]):
            best = row, result
    return Sweep(axes, _filled([found[name] for name in points]), *(best or (None, None)))


def _results(
    points: Mapping[str, Point],
    run: Callable[[Point], Run],
    at_once: int | None,
    archived: Callable[[Point], Result | None] | None,
    on_run: Callable[[Point, Result], None] | None,
) -> Iterator[tuple[str, Result | InputError]]:
    """The result of every point, or why there is none: first what is known, and what can't be made."""
    runs = {}
    for name, point in points.items():
        known = None if archived is None else _tried(archived, point)
        made = _tried(run, point) if known is None else known
        if isinstance(made, (Result, InputError)):
            yield name, made
        else:
            runs[name] = made
    for name, result in try_all(runs, at_once, possible()):
        if isinstance(result, Result) and result.stopped == INTERRUPTED:
            raise KeyboardInterrupt
        yield name, result
        if on_run is not None and isinstance(result, Result):
            on_run(points[name], result)


def _tried(make: Callable[[Point], Made], point: Point) -> Made | InputError:
    try:
        return make(point)
    except InputError as problem:
        return problem


def possible() -> Callable[[Run], None]:
    """Raises `InputError` for a run that is not in order, or does not fit into memory: asked once for each size."""
    known: dict[str, str] = {}

    def check_all(run: Run) -> None:
        check(run)
        arrays = [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(eqx.filter(run.model, eqx.is_array))]
        stages = [(one.trainable, one.noise, one.priors, type(one.solver), one.batch_size) for one in run.stages]
        size = repr((arrays, stages, type(run.solver), run.batch_size, run.devices, id(run.data)))
        if size not in known:
            try:
                memory_plan(possible_tasks(run)).check()
                known[size] = ""
            except InputError as problem:
                known[size] = str(problem)
        if known[size]:
            raise InputError(known[size])

    return check_all


def row_of(point: dict, result: Result | InputError, measure: Measure | None) -> Row:
    """What a result says at a point, or why there is none."""
    if isinstance(result, InputError):
        return Row(point, {}, str(result))
    try:
        figures = _figures(result, point, measure)
    except InputError as problem:
        return Row(point, {}, str(problem))
    is_whole = result.stopped != NOT_FINITE
    reason = "" if is_whole else f"diverged after {result.history.epochs} epochs; take smaller steps"
    return Row(point, figures, reason, result.settings.get(VERDICT, {}).get("code", ""))


def _filled(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows with NaN where one has no figure; raises `InputError` if none has any."""
    names = list(dict.fromkeys(name for row in rows for name in row.figures))
    if not names:
        where = ", ".join(f"{name}={value}" for name, value in rows[0].point.items())
        raise InputError(f"No point of the grid can be reconstructed; at {where}: {rows[0].reason}")
    return tuple(row if row.figures else row._replace(figures=dict.fromkeys(names, np.nan)) for row in rows)


def lowest_point(places: Sequence[float], values: Float[np.ndarray, " place"]) -> float | None:
    """Where the parabola through the smallest value and its neighbours is lowest; None at the end of the row."""
    if not np.isfinite(values).any():
        return None
    at = int(np.nanargmin(values))
    near = slice(at - 1, at + 2)
    if not 0 < at < len(values) - 1 or not np.isfinite(values[near]).all():
        return None
    middle = places[at]
    curvature, slope, _ = np.polyfit(np.asarray(places[near]) - middle, values[near], 2)
    return float(middle - slope / (2 * curvature)) if curvature > 0 else None


def doubts(values: Float[np.ndarray, " place"]) -> str:
    """Why the lowest point of a curve may be another than it seems, in words; nothing if all is well."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return ""
    depth = finite.max() / finite.min() - 1
    if depth < FLAT:
        return f"all values lie within {depth:.1%}, so the minimum is uncertain; try other numbers of epochs"
    falls = np.diff(finite) < 0
    if np.count_nonzero(falls[1:] & ~falls[:-1]):
        return "the curve falls more than once, so the minimum is uncertain; try other epochs or a closer range"
    return ""


def _figures(result: Result, point: Point, measure: Measure | None) -> dict[str, float]:
    """Of a result that diverged: the same names, and NaN."""
    shown, figures = result.epochs_of_state, {"r_factor": np.nan, "loss": np.nan}
    if shown:
        figures = {"r_factor": result.r_factor, "loss": result.history.loss[shown - 1]}
    figures |= dict(measure(result, point)) if measure else {}
    return dict.fromkeys(figures, np.nan) if result.stopped == NOT_FINITE else figures
