"""What is wrong with a plan, in a sentence that names the field and the cure."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ptychograd.core.errors import InputError
from ptychograd.runs.plan.walking import section_of, value_fields

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
        return unknown(plan, path)
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
        text = f"expected a section with fields of its own, as {path}.{_first_field(plan, path, error['input'])}"
    given = error["input"]
    said = any(form in text for form in (repr(given), f'"{given}"'))
    shown = _shown(given) if isinstance(given, str | int | float | bool) and not said else ""
    return f"`{path}`{shown}: {text}."


def _first_field(plan: type[BaseModel], path: str, given: object) -> str:
    """A field of a section with its value: its kind, if a text may be meant for that."""
    section, _, name = _around(plan, path)
    inner = section_of(section.model_fields[name].annotation) if name in section.model_fields else None
    is_kind = isinstance(given, str) and inner is not None and "kind" in inner.model_fields
    return f'kind = "{given}"' if is_kind else "NAME = VALUE"


def _shown(given: str | int | float) -> str:
    return f" {given:.12g}" if isinstance(given, float) else f" {given!r}"


def _numbers(error: ErrorDetails, plan: type[BaseModel]) -> str:
    """Which numbers a field takes."""
    section, _, name = _around(plan, path_of(error))
    marks = section.model_fields[name].metadata if name in section.model_fields else ()
    found = {sign: getattr(mark, sign) for mark in marks for sign in SIGNS if hasattr(mark, sign)}
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
def about_field(path: str | None) -> Iterator[None]:
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


def unknown(plan: type[BaseModel], path: str) -> str:
    """That there is no field at a path, with the nearest: one of that name, or of a like one there, or elsewhere."""
    known, name = list(value_fields(plan)), path.rpartition(".")[2]
    names = [_last(field) for field in known]
    section, where, wrong = _around(plan, path)
    found = [field for field in known if _last(field) == name]
    found += [f"{where}.{near}".lstrip(".") for near in get_close_matches(wrong, list(section.model_fields), 1, 0.5)]
    found += get_close_matches(path, known, 1, 0.7)
    found += [field for field in known if _last(field) in get_close_matches(name, names, 1, 0.75)]
    if found:
        return f"`{path}` is unknown; did you mean `{found[0]}`?"
    return f"`{path}` is unknown; {where or 'a plan'} has {', '.join(section.model_fields)}."


def _around(section: type[BaseModel], path: str) -> tuple[type[BaseModel], str, str]:
    """The innermost section along a path, its own path, and the name that comes after it."""
    names = path.split(".")
    for count, name in enumerate(names):
        field = section.model_fields.get(name)
        inner = None if field is None else section_of(field.annotation)
        if not name.isdigit() and (inner is None or count == len(names) - 1):
            return section, ".".join(names[:count]), name
        section = inner or section
    return section, path, ""


def _last(path: str) -> str:
    return path.rpartition(".")[2]
