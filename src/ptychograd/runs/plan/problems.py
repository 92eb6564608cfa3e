"""What is wrong with a plan, in a sentence that names the field and the cure."""

from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ptychograd.runs.plan.walking import section_of, value_fields

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
    if error["type"] == "literal_error":
        text = f"expected one of: {error.get('ctx', {}).get('expected')}"
    if error["type"] in WANTED:
        text = f"expected {WANTED[error['type']].format(path)}"
    if error["type"] in ("model_type", "model_attributes_type", "dict_type"):
        text = f"expected a section with fields of its own, as {path}.NAME = VALUE"
    given = error["input"]
    said = any(form in text for form in (repr(given), f'"{given}"'))
    shown = f" {given!r}" if isinstance(given, str | int | float | bool) and not said else ""
    return f"`{path}`{shown}: {text}."


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
