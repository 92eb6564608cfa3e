"""Fields of a plan over which is searched: from one number to another, or among some values."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.runs.plan.listing import FieldInfo, field_at
from ptychograd.runs.plan.quantities import quantity
from ptychograd.runs.plan.wording import as_written
from ptychograd.runs.plan_sweep import canonical

if TYPE_CHECKING:
    from ptychograd.runs.plan.whole import PlanFields

DIGITS = 6  # of numbers that are tried
FIXED = ("version", "seed", "validation", "output", "machine", "data.paths", "data.each", "data.follow")


class Range(NamedTuple):
    """All values of a field from one to another.

    Args:
        low: the smallest, a number or a quantity as "1 mm".
        high: the largest.
        log: whether each factor is as likely as any other, and not each step.

    Example:
        >>> pg.runs.Range(4, 256, log=True)
        Range(low=4, high=256, log=True)
    """

    low: int | float | str
    high: int | float | str
    log: bool = False


class Axis(NamedTuple):
    """A field over which is searched: its choices, or if there are none the numbers between which it lies.

    Args:
        path: of the field.
        choices: its values by their texts.
        low: the smallest number, in the unit of the SI.
        high: the largest one.
        log: whether numbers are searched by their logarithm.
        is_whole: whether they are whole.
        unit: of the SI, if it has one.
    """

    path: str
    choices: Mapping[str, object]
    low: int | float = 0.0
    high: int | float = 0.0
    log: bool = False
    is_whole: bool = False
    unit: str = ""

    @property
    def size(self) -> int | float:
        """How many values there are."""
        if self.choices:
            return len(self.choices)
        return self.high - self.low + 1 if self.is_whole else math.inf

    def any_place(self, generator: np.random.Generator) -> int | float | str:
        """A number or the text of a choice, by chance."""
        if self.choices:
            return list(self.choices)[generator.integers(len(self.choices))]
        if self.is_whole:
            return int(generator.integers(int(self.low), int(self.high) + 1))
        return float(generator.uniform(self.low, self.high))

    @property
    def ends(self) -> list[object]:
        """The choices, or the smallest and the largest value."""
        return list(self.choices.values()) if self.choices else [self.value(self.low), self.value(self.high)]

    @property
    def summary(self) -> str:
        """The same for the same axis."""
        return ", ".join(self.choices) if self.choices else f"{self.low}:{self.high}{':log' if self.log else ''}"

    def value(self, found: int | float | str) -> object:
        """The value of the field for a number, or for the text of a choice."""
        if isinstance(found, str):
            return self.choices[found]
        if self.is_whole:
            return int(found)
        number = min(max(float(f"{found:.{DIGITS}g}"), self.low), self.high)
        return as_written(number, self.unit) if self.unit else number

    def number(self, value: object) -> int | float | str:
        """Where a value stands on the axis: a number, or a text among others."""
        if self.choices:
            return text_of(self.path, value)
        return quantity(value, self.unit) if self.unit else float(value)  # type: ignore[arg-type]


def axes_of(space: Mapping[str, Range | Sequence], plan: "PlanFields") -> dict[str, Axis]:
    """The axes of a search, each looked at with its ends.

    Args:
        space: by the path of a field a `Range`, or a list of values.
        plan: what all points have in common.

    Raises:
        InputError: a field is unknown or can't be searched, or can't have these values.
    """
    if not space:
        raise InputError("A search needs at least one field, as {'fit.batch_size': pg.runs.Range(4, 256, log=True)}.")
    axes = {path: _axis(path, given, plan) for path, given in space.items()}
    for path, axis in axes.items():
        for value in axis.ends:
            plan.with_fields({path: value})
    return axes


def corners(axes: Mapping[str, Axis]) -> Iterator[dict[str, object]]:
    """The first point, and for each field one with every other end of it."""
    first = {path: axis.ends[0] for path, axis in axes.items()}
    yield first
    for path, axis in axes.items():
        for value in axis.ends[1:]:
            yield first | {path: value}


def text_of(path: str, value: object) -> str:
    """A value as a text, the same for equal ones."""
    found = canonical(path, value)
    return found if isinstance(found, str) else json.dumps(found, default=repr)


def _axis(path: str, given: Range | Sequence, plan: "PlanFields") -> Axis:
    for fixed in FIXED:
        if path == fixed or path.startswith(f"{fixed}."):
            raise InputError(f"`{path}` can't be searched: it does not make a reconstruction better, or judges it.")
    field = field_at(path)
    if field is None:
        plan.with_fields({path: given[0]})  # which says what there is
        raise InputError(f"`{path}` can't be searched; expected a field with a value, as fit.batch_size.")
    if isinstance(given, Range):
        return _numbers(path, given, field)
    choices = {text_of(path, value): value for value in given} if not isinstance(given, str) else {}
    if len(choices) < 2:
        raise InputError(f"`{path}` has fewer than two values to search; expected a range, or a list of values.")
    return Axis(path, choices)


def _numbers(path: str, given: Range, field: FieldInfo) -> Axis:
    is_whole = "integer" in field.types and "number" not in field.types
    if field.holds == "list" or not field.types & {"integer", "number"}:
        raise InputError(f"`{path}` has no numbers to search between; give values, as {_choices(field)}.")
    low, high = (_number(path, value, field.unit, is_whole) for value in given[:2])
    if not -math.inf < low < high < math.inf or (given.log and low <= 0):
        above = "0 < " if given.log else ""
        raise InputError(f"`{path}` from {given.low} to {given.high}: expected {above}smallest < largest.")
    return Axis(path, {}, low, high, given.log, is_whole, field.unit)


def _number(path: str, value: int | float | str, unit: str, is_whole: bool) -> int | float:
    """An end of a range in the unit of the SI."""
    try:
        found = quantity(value, unit) if unit else float(value)
    except (TypeError, ValueError) as problem:
        said = f": {problem}" if unit else f' "{value}" is no number'
        raise InputError(f"`{path}`{said}.") from None
    if not is_whole:
        return found
    if not found.is_integer():
        raise InputError(f"`{path}` {value} is no whole number.")
    return int(found)


def _choices(field: FieldInfo) -> str:
    return "|".join(field.choices[:2]) or ("true|false" if field.is_flag else "one|another")
