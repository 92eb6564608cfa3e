"""Going through a plan: its fields by path, and its values as plain dictionaries, lists, texts and numbers."""

from collections.abc import Callable, Iterator, Mapping
from typing import get_args

from pydantic import BaseModel, WithJsonSchema
from pydantic.fields import FieldInfo

from ptychograd.runs.plan.fields import FILE, PLACES, Section
from ptychograd.runs.plan.problems import section_of

SIMPLE = (str, int, float, bool)
Replace = Callable[[str, object], object]


def fields_by_path(section: type[BaseModel], before: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """All fields that hold values, with their paths; fields of stages and lines stand under the name of these."""
    for name, field in section.model_fields.items():
        inside = section_of(field.annotation)
        if inside is None:
            yield before + name, field
        else:
            yield from fields_by_path(inside, f"{before}{name}.")


def unit_of(field: FieldInfo) -> str | None:
    """The unit of the SI in which a field is; None where it has none."""
    schemas = (mark.json_schema for mark in marks(field) if isinstance(mark, WithJsonSchema))
    return next((schema["unit"] for schema in schemas if schema and "unit" in schema), None)


def is_file(field: FieldInfo) -> bool:
    """Whether a field names a file, or several."""
    return any(mark is FILE for mark in marks(field))


def holds_files(field: FieldInfo) -> bool:
    """Whether a field is a text in which files are named, beside other things."""
    return any(mark is PLACES for mark in marks(field))


def marks(field: FieldInfo) -> Iterator[object]:
    """What is annotated to a field's type, or to one of the types that it may have."""
    yield from field.metadata
    yield from _annotated(field.annotation)


def _annotated(annotation: object) -> Iterator[object]:
    yield from getattr(annotation, "__metadata__", ())
    for part in get_args(annotation):
        yield from _annotated(part)


def is_nullable(field: FieldInfo) -> bool:
    """Whether a field may be left without a value."""
    return type(None) in get_args(field.annotation)


def plain(section: Section, replace: Replace, before: str = "") -> dict:
    """The fields that were given, as dictionaries; what is no text, number or table of such goes through `replace`."""
    found = {}
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if name not in section.model_fields_set or value is None:
            continue
        said = _plain(value, replace, before + name)
        if isinstance(value, Section) and said == {} and not is_nullable(field):
            continue
        found[name] = said
    kind = found.get("kind")
    return {**found, **kind} if isinstance(kind, dict) else found  # a part of one's own brings its arguments


def _plain(value: object, replace: Replace, path: str) -> object:
    if isinstance(value, Section):
        return plain(value, replace, f"{path}.")
    if isinstance(value, tuple | list):
        return [_plain(part, replace, f"{path}.{number}") for number, part in enumerate(value, start=1)]
    if isinstance(value, Mapping):
        return {name: _plain(part, replace, f"{path}.{name}") for name, part in value.items()}
    return value if isinstance(value, SIMPLE) else replace(path, value)


def value_at(values: Mapping, path: str) -> object:
    """What stands in dictionaries at a path, as "model.start.probe"; None if nothing."""
    found: object = values
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def with_values(values: Mapping, changes: Mapping[str, object]) -> dict:
    """Dictionaries with other values at some paths."""
    changed = dict(values)
    for path, value in changes.items():
        name, _, rest = path.partition(".")
        inside = changed.get(name)
        changed[name] = with_values(inside if isinstance(inside, Mapping) else {}, {rest: value}) if rest else value
    return changed
