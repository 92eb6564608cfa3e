"""Axes of a sweep as they are typed: a field and its values, or a field and between which values it is searched."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from ptychograd.core.errors import InputError
from ptychograd.runs.plan.listing import field_at
from ptychograd.runs.plan.typed import value_of
from ptychograd.runs.plan_sweep import key_of
from ptychograd.runs.search_space import Range
from ptychograd.runs.sweep_ways import AbstractWay, GridWay, SearchWay

Named = Callable[[str], str]  # the field that a name stands for, which may be an option's
Axis = TypeVar("Axis")
FEW = 30  # trials of a search
PRECISION = "machine.precision"


def typed_way(
    grid: Sequence[str], search: Sequence[str], named: Named, trials: int | None = None, method: str | None = None
) -> AbstractWay:
    """The way of a sweep.

    Args:
        grid: texts of --grid.
        search: texts of --search.
        named: the field that a name stands for.
        trials: how many points a search tries in all; 30 by default.
        method: how it chooses them; bayesian by default.

    Raises:
        InputError: both or none are given, or an axis twice.
    """
    axes = _by_field([axis_of(text, named) for text in grid], "--grid")
    space = _by_field([search_axis_of(text, named) for text in search], "--search")
    if bool(axes) == bool(space):
        both = "both are given; leave one out" if axes else "give one of them, as --grid fit.batch_size=16,32"
        raise InputError(f"--grid tries all points, --search some of them: {both}.")
    if not axes:
        return SearchWay(space, FEW if trials is None else trials, method or "bayesian")
    if trials is not None or method is not None:
        raise InputError("--trials and --method are for --search; a grid tries all of its points.")
    return GridWay(axes)


def _by_field(found: Sequence[tuple[str, Axis]], option: str) -> dict[str, Axis]:
    axes = dict(found)
    if len(axes) < len(found):
        raise InputError(f"{option} names an axis twice; give it once.")
    return axes


def axis_of(text: str, named: Named) -> tuple[str, list]:
    """A field of the plan and its values, from NAME=VALUE,VALUE."""
    path, typed = _parts(text, named, "--grid", "VALUE,VALUE")
    values = [value_of(path, part) for part in separated(typed)]
    if not values:
        raise InputError(f'--grid "{text}" has no value; expected NAME=VALUE,VALUE.')
    if len({key_of({path: value}) for value in values}) < len(values):
        raise InputError(f'--grid "{text}" has a value twice.')
    if path == PRECISION:
        raise InputError(f"--grid {PRECISION}: one process has one precision; call the command once for each.")
    return path, values


def search_axis_of(text: str, named: Named) -> tuple[str, Range | list]:
    """A field of the plan and what it is searched over, from NAME=LOW:HIGH, NAME=LOW:HIGH:log or NAME=VALUE|VALUE."""
    path, typed = _parts(text, named, "--search", "LOW:HIGH or VALUE|VALUE")
    field = field_at(path)
    parts = separated(typed, "|")
    parts = parts if len(parts) > 1 else separated(typed)
    if len(parts) > 1:
        return path, [value_of(path, part) for part in parts]
    low, colon, rest = typed.partition(":")
    high, _, log = rest.partition(":")
    if field is not None and (not colon or log.strip() not in ("", "log") or rest.count(":") > bool(log.strip())):
        raise InputError(f'--search "{text}" can\'t be read; expected {path}=LOW:HIGH, LOW:HIGH:log, or VALUE|VALUE.')
    return path, Range(low.strip(), high.strip(), bool(log.strip()))


def separated(text: str, mark: str = ",") -> list[str]:
    """Values with commas between, or with another mark; those in brackets and quotes left whole."""
    parts = re.findall(rf"(?:\[[^\]]*\]|\{{[^}}]*\}}|\"[^\"]*\"|[^{re.escape(mark)}\[{{\"])+", text)
    return [part.strip() for part in parts if part.strip()]


def _parts(text: str, named: Named, option: str, expected: str) -> tuple[str, str]:
    name, equals, typed = (part.strip() for part in text.partition("="))
    if not (name and equals and typed):
        raise InputError(f'{option} "{text}" has no value; expected NAME={expected}.')
    return named(name), typed
