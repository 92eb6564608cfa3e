"""What is wrong with a plan, in a sentence that names the field and the cure."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ptychograd.core.errors import InputError

SIGNS = {"ge": "of {:g} or more", "gt": "above {:g}", "le": "of at most {:g}", "lt": "below {:g}"}
BOUNDS = ("greater_than_equal", "greater_than", "less_than_equal", "less_than", "finite_number")
WANTED = {  # by the kind of an error
    "tuple_type": "a list of sections, as [[{}]]",
    "string_type": "a text in quotes",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}


def sentence(problem: ValidationError, plan: type[BaseModel]) -> str:
    """The first thing that is wrong: the field, what was found, and what was expected."""
    return detail(problem.errors()[0], plan)


def detail(error: ErrorDetails, plan: type[BaseModel]) -> str:
    """One thing that is wrong."""
    path = path_of(error)
    if error["type"] == "extra_forbidden":
        return _unknown(path, plan)
    if error["type"] == "missing":
        return f"`{path}` is missing; give it."
    text = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if error["type"] in BOUNDS:
        text = f"expected {_numbers(error, plan)}"
    if error["type"] == "literal_error":
        text = f"expected one of: {error.get('ctx', {}).get('expected')}"
    if error["type"] in WANTED:
        text = f"expected {WANTED[error['type']].format(path)}"
    if error["type"] in ("model_type", "model_attributes_type", "dict_type"):
        text = f"expected a section with fields of its own, as {path}.NAME = VALUE"
    given = error["input"]
    said = any(form in text for form in (repr(given), f'"{given}"'))
    shown = _shown(given) if isinstance(given, str | int | float | bool) and not said else ""
    return f"`{path}`{shown}: {text}."


def _shown(given: str | int | float) -> str:
    return f" {given:.12g}" if isinstance(given, float) else f" {given!r}"


def _numbers(error: ErrorDetails, plan: type[BaseModel]) -> str:
    """Which numbers a field takes."""
    *sections, name = path_of(error).split(".")
    field = section_at(plan, sections).model_fields.get(name)  # none for an entry of a table
    found = {
        sign: getattr(mark, sign) for mark in (field.metadata if field else ()) for sign in SIGNS if hasattr(mark, sign)
    }
    found |= {sign: value for sign, value in error.get("ctx", {}).items() if sign in SIGNS}
    bounds = {sign: value for sign, value in found.items() if math.isfinite(value)}
    least, most = bounds.get("ge"), bounds.get("le")
    if least is not None and most is not None:
        return f"{least:g} to {most:.12g}"
    if bounds == {"ge": least}:
        return f"{least:g} or more"
    said = " and ".join(SIGNS[sign].format(value) for sign, value in bounds.items()) or "a finite number"
    return "a number above zero" if bounds == {"gt": 0} else f"a number {said}"


@contextmanager
def told_of(path: str | None) -> Iterator[None]:
    """Name a field, if there is one, in the sentence of what is wrong with what comes from it, if that names none."""
    try:
        yield
    except InputError as problem:
        if path is None or type(problem) is not InputError or f"`{path.partition('.')[0]}." in str(problem):
            raise
        raise InputError(f"`{path}`: {problem}") from None


def path_of(error: ErrorDetails) -> str:
    """The field in which it is, as "fit.stages.2.epochs"; stages are counted from 1."""
    parts = [str(part + 1) if isinstance(part, int) else part for part in error["loc"]]
    return ".".join(part for part in parts if not part.startswith(("function-", "nullable", "tuple[", "constrained-")))


def _unknown(path: str, plan: type[BaseModel]) -> str:
    """A name that no field has, with the nearest that one has."""
    *sections, name = path.split(".")
    there, everywhere = list(fields_of(section_at(plan, sections))), list(all_fields(plan))
    where = ".".join(sections)
    elsewhere = [known for known in everywhere if known.rpartition(".")[2] == name]
    near = [".".join([*sections, known]) for known in get_close_matches(name, there, 1, 0.5)]
    if found := [*elsewhere, *near]:
        return f"`{path}` is unknown; did you mean `{found[0]}`?"
    return f"`{path}` is unknown; {where or 'a plan'} has {', '.join(there)}."


def section_at(plan: type[BaseModel], names: Sequence[str]) -> type[BaseModel]:
    """The class of the section at a path; numbers of stages are passed over."""
    for name in names:
        plan = plan if name.isdigit() else section_of(plan.model_fields[name].annotation) or plan
    return plan


def section_of(annotation: object) -> type[BaseModel] | None:
    """The section that a field holds, or has several of; None if it holds a value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, (section_of(part) for part in get_args(annotation))), None)


def fields_of(section: type[BaseModel]) -> Iterator[str]:
    """Names of a section's fields."""
    yield from section.model_fields


def all_fields(section: type[BaseModel], before: str = "") -> Iterator[str]:
    """Paths of all fields that hold values, as "fit.solver.momentum"."""
    for name, field in section.model_fields.items():
        inside = section_of(field.annotation)
        if inside is None:
            yield f"{before}{name}"
        else:
            yield from all_fields(inside, f"{before}{name}.")
