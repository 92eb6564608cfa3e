"""Other values in a plan, by the paths of their fields."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import get_args, get_origin

from pydantic import BaseModel

from ptychograd.core.errors import InputError
from ptychograd.runs.plan.problems import section_of


def changed(plan: type[BaseModel], values: Mapping[str, object], path: str, value: object) -> dict[str, object]:
    """The sections of a plan as dictionaries, with another value in a field.

    Args:
        plan: the class of the plan.
        values: sections with the fields that are given.
        path: of the field, as "fit.epochs"; of an entry of a table, as "fit.priors.tv"; of a stage, counted from 1, as
            "fit.stages.2.epochs". The stage behind the last one is a new one.

    Raises:
        InputError: there is no such field.
    """
    return _changed(plan, values, (plan, path), path.split("."), value)


def _changed(
    section: type[BaseModel],
    values: Mapping[str, object],
    asked: tuple[type[BaseModel], str],
    parts: Sequence[str],
    value: object,
) -> dict[str, object]:
    name, rest = parts[0], parts[1:]
    if name not in section.model_fields:
        raise InputError(unknown(*asked))
    annotation, before = section.model_fields[name].annotation, values.get(name)
    inner = section_of(annotation)
    if not rest:
        now = value
    elif inner is None:
        if not _holds(annotation, dict):
            raise InputError(unknown(*asked))
        now = {**(before if isinstance(before, Mapping) else {}), ".".join(rest): value}
    elif _holds(annotation, tuple):
        several = list(before) if isinstance(before, list | tuple) else []
        number = _number(rest[0], len(several), asked)
        if len(rest) == 1:
            raise InputError(f"`{asked[1]}` is a section; give one of its fields, as `{asked[1]}.{_first(inner)}`.")
        one = several[number] if number < len(several) else {}
        several[number : number + 1] = [_changed(inner, one, asked, rest[1:], value)]
        now = several
    else:
        now = _changed(inner, before if isinstance(before, Mapping) else {}, asked, rest, value)
    return {**values, name: now}


def unknown(plan: type[BaseModel], path: str) -> str:
    """That there is no field at a path, with the nearest that there is: of that name elsewhere, or of a like path."""
    known, name = list(_all_fields(plan)), path.rpartition(".")[2]
    near = [field for field in known if field.rpartition(".")[2] == name] + get_close_matches(path, known, 1, 0.7)
    near += [field for field in known if field.rpartition(".")[2] in get_close_matches(name, _names(known), 1, 0.75)]
    if near:
        return f"`{path}` is unknown; did you mean `{near[0]}`?"
    return f"`{path}` is unknown; a plan has {', '.join(plan.model_fields)}, and fields in them, as `fit.epochs`."


def _all_fields(section: type[BaseModel], before: str = "") -> Iterator[str]:
    """Paths of all fields that hold values, of stages those of the first one."""
    for name, field in section.model_fields.items():
        inner = section_of(field.annotation)
        if inner is None:
            yield f"{before}{name}"
        else:
            yield from _all_fields(inner, f"{before}{name}.{'1.' if _holds(field.annotation, tuple) else ''}")


def _names(known: Sequence[str]) -> list[str]:
    return [field.rpartition(".")[2] for field in known]


def _number(text: str, count: int, asked: tuple[type[BaseModel], str]) -> int:
    """From 0, of a text that counts from 1."""
    if not text.isdecimal():
        raise InputError(f"`{asked[1]}`: there may be several; name one by its number, as 1 for the first.")
    if not 1 <= int(text) <= count + 1:
        raise InputError(f"`{asked[1]}`: there are {count}; expected a number from 1 to {count + 1}.")
    return int(text) - 1


def _first(section: type[BaseModel]) -> str:
    return next(iter(section.model_fields))


def _holds(annotation: object, kind: type) -> bool:
    """Whether a field's values are of this kind, whatever else it takes."""
    return any(get_origin(part) is kind for part in _parts(annotation))


def _parts(annotation: object) -> Iterator[object]:
    yield annotation
    if get_origin(annotation) not in (dict, tuple):
        for part in get_args(annotation):
            yield from _parts(part)
