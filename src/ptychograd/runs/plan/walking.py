"""Going through a plan: its fields by path, and its values as plain dictionaries, lists, texts and numbers."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, get_args, get_origin

from pydantic import BaseModel, WithJsonSchema
from pydantic.fields import FieldInfo

from ptychograd.runs.plan.fields import FILE, PLACES, Section

ONE = "1"  # in the path of a field of a stage or of a line: of the first one, which stands for all
SIMPLE = (str, int, float, bool)
Replace = Callable[[str, object], object]


class Place(NamedTuple):
    """A field of a plan: its path, the section that has it, and its name there.

    Args:
        path: as "fit.solver.momentum"; of stages and lines that of the first one, as "fit.stages.1.epochs".
        section: the class of the section.
        name: as "momentum".
    """

    path: str
    section: type[BaseModel]
    name: str

    @property
    def field(self) -> FieldInfo:
        """What it takes."""
        return self.section.model_fields[self.name]

    @property
    def inner(self) -> type[BaseModel] | None:
        """The section that it holds, or several of; None if it holds a value."""
        return section_of(self.field.annotation)

    @property
    def within(self) -> str:
        """The path of that section: of several that of the first."""
        return f"{self.path}.{ONE}" if self.holds(tuple) else self.path

    def holds(self, kind: type) -> bool:
        """Whether its values are of this kind, `tuple` or `dict`, whatever else it takes."""
        return any(get_origin(part) is kind for part in _parts(self.field.annotation))


def walk(section: type[BaseModel], before: str = "") -> Iterator[Place]:
    """All fields of a section, each that holds a section before the fields of that."""
    for name in section.model_fields:
        place = Place(f"{before}{name}", section, name)
        yield place
        if place.inner is not None:
            yield from walk(place.inner, f"{place.within}.")


def value_fields(section: type[BaseModel]) -> dict[str, Place]:
    """All fields that hold values, by their paths."""
    return {place.path: place for place in walk(section) if place.inner is None}


def section_of(annotation: object) -> type[BaseModel] | None:
    """The section that a type is, or has several of; None if it is one of values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, (section_of(part) for part in get_args(annotation))), None)


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


def _parts(annotation: object) -> Iterator[object]:
    """A type and those that it may be; not those of what it holds."""
    yield annotation
    if get_origin(annotation) not in (dict, tuple):
        for part in get_args(annotation):
            yield from _parts(part)


def is_nullable(field: FieldInfo) -> bool:
    """Whether a field may be left without a value."""
    return type(None) in get_args(field.annotation)


def said(section: Section) -> dict:
    """The fields that were given, as dictionaries, with their values as they are."""
    return _given(section, lambda value, _: _said(value))


def paths_in(fields: Mapping, before: str = "") -> Iterator[str]:
    """Paths of fields in dictionaries; keys of data are one field."""
    for name, value in fields.items():
        if isinstance(value, Mapping) and value and before + name != "data.keys":
            yield from paths_in(value, f"{before}{name}.")
        else:
            yield before + name


def plain(section: Section, replace: Replace, before: str = "") -> dict:
    """The fields that were given, as dictionaries; what is no text, number or table of such goes through `replace`."""
    found = _given(section, lambda value, name: None if value is None else _plain(value, replace, before + name))
    found = {name: value for name, value in found.items() if value is not None}
    kind = found.get("kind")
    return {**found, **kind} if isinstance(kind, dict) else found  # a part of one's own brings its arguments


def _given(section: Section, change: Callable[[object, str], object]) -> dict:
    """What was given, changed, but for sections that are always there and in which nothing was."""
    found = {}
    for name, field in type(section).model_fields.items():
        if name in section.model_fields_set:
            value = getattr(section, name)
            found[name] = change(value, name)
            if isinstance(value, Section) and found[name] == {} and not is_nullable(field):
                del found[name]
    return found


def _said(value: object) -> object:
    if isinstance(value, Section):
        return said(value)
    if isinstance(value, tuple) and any(isinstance(part, Section) for part in value):
        return [_said(part) for part in value]
    return dict(value) if isinstance(value, dict) else value


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
