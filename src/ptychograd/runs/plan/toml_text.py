"""A plan as TOML, with what every field means above it."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, get_args, get_origin

import tomlkit
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ptychograd.runs.plan.walking import section_of, unit_of
from ptychograd.runs.plan.wording import as_written

WIDTH = 100
EXAMPLES = {"m": "mm", "J": "keV", "rad": "mrad", "s": "min", "B": "GB", "V": "kV"}  # units in which one writes
Notes = Mapping[str, Sequence[str]]


class Place(NamedTuple):
    """A section of the text: its path, in which items of lists are counted, and its heading, in which they are not."""

    path: str = ""
    heading: str = ""
    is_item: bool = False
    with_meaning: bool = True  # what fields mean; not in the second item of a list

    def inside(self, name: str) -> "Place":
        """The section of that name in this one."""
        return Place(self.field(name), f"{self.heading}.{_key(name)}".lstrip("."), False, self.with_meaning)

    def item(self, number: int) -> "Place":
        """An item, where this is a list of sections; from 1."""
        return Place(f"{self.path}.{number}", self.heading, True, number == 1)

    def field(self, name: str) -> str:
        """The path of a field in it."""
        return f"{self.path}.{name}".lstrip(".")


class Page(NamedTuple):
    """What stands in a text beside the plan's own values.

    Args:
        notes: lines of comment above fields, by path.
        shown: paths of fields that stand there, as comments with their defaults, even if the plan does not give them.
        found: values of such fields in place of their defaults, as those that the data's file states, by path.
    """

    notes: Notes = MappingProxyType({})
    shown: Sequence[str] = ()
    found: Mapping[str, object] = MappingProxyType({})


def toml_text(values: Mapping, plan: type[BaseModel], page: Page = Page()) -> str:  # noqa: B008
    """The TOML of a plan.

    Args:
        values: its sections as dictionaries with plain values.
        plan: the class of the plan, whose fields say what they are and in which unit.
        page: what stands there beside.
    """
    blocks = ["\n".join(block) for block in _section(values, plan, Place(), page)]
    return "\n\n".join(blocks) + "\n"


def _section(values: Mapping, section: type[BaseModel], place: Place, page: Page) -> Iterator[list[str]]:
    """The lines of a section, and those of each section below it."""
    own = _spaced(_own_fields(values, section, place, page))
    if own or place.is_item:
        yield [*_heading(place), *own]
    for name, field in section.model_fields.items():
        value, inner, there = values.get(name), section_of(field.annotation), place.inside(name)
        if _is_direct(field, value):
            continue
        if inner is None:
            yield [*_above(there.path, field, place.with_meaning, page), *_heading(there), *_table(value or {})]
        elif isinstance(value, list):
            for number, item in enumerate(value, start=1):
                yield from _section(item, inner, there.item(number), page)
        elif value == {}:
            yield _heading(there)
        else:
            yield from _section(value or {}, inner, there, page)


def _own_fields(values: Mapping, section: type[BaseModel], place: Place, page: Page) -> Iterator[list[str]]:
    """The lines of each field of a section that stands right below its heading."""
    if place.path in page.notes:
        yield [line for note in page.notes[place.path] for line in _comment(note)]
    for name, field in section.model_fields.items():
        path = place.field(name)
        if not _is_direct(field, values.get(name)):
            continue
        if name in values:
            yield [*_above(path, field, place.with_meaning, page), f"{name} = {_value(values[name], field)}"]
        elif any(path in known for known in (page.shown, page.notes, page.found)):
            value = _value(page.found[path], field) if path in page.found else _default(field)
            yield [*_above(path, field, True, page), f"# {name} = {value}"]


def _spaced(fields: Iterable[list[str]]) -> list[str]:
    """The lines of fields, with an empty one before each that has something said above it."""
    lines: list[str] = []
    for field in fields:
        lines += [*([""] if lines and len(field) > 1 else []), *field]
    return lines


def _is_direct(field: FieldInfo, value: object) -> bool:
    """Whether a field is one line, or a list of lines, and no section or table with a heading of its own."""
    inner = section_of(field.annotation)
    if inner is None:
        return not (value and _is_table(field))
    is_list = any(get_origin(one) is tuple for one in (field.annotation, *get_args(field.annotation)))
    return is_list and (not value or not any(section_of(one.annotation) for one in inner.model_fields.values()))


def _is_table(field: FieldInfo) -> bool:
    return any(get_origin(one) is dict for one in (field.annotation, *get_args(field.annotation)))


def _heading(place: Place) -> list[str]:
    if not place.heading:
        return []
    return [f"[[{place.heading}]]" if place.is_item else f"[{place.heading}]"]


def _above(path: str, field: FieldInfo, with_meaning: bool, page: Page) -> Iterator[str]:
    """What a field means, and what there is to say of it."""
    if with_meaning:
        yield from _comment(field.description or "")
    for note in page.notes.get(path, ()):
        yield from _comment(f"* {note}", "#   ")


def _comment(text: str, later: str = "# ") -> list[str]:
    return textwrap.wrap(" ".join(text.split()), WIDTH, initial_indent="# ", subsequent_indent=later)


def _table(values: Mapping) -> list[str]:
    return [f"{_key(name)} = {_text(value)}" for name, value in values.items()]


def _default(field: FieldInfo) -> str:
    """The value that a field has by itself; where that depends on the rest, dots in its place."""
    value, unit = field.get_default(call_default_factory=True), unit_of(field)
    if value is None:
        return "..." if unit is None else f'"... {EXAMPLES[unit]}"'
    return _value(value, field)


def _value(value: object, field: FieldInfo) -> str:
    inner, unit = section_of(field.annotation), unit_of(field)
    if inner is not None and isinstance(value, list | tuple):
        if not value:
            return "[]"
        items = [f"    {{ {', '.join(_pairs(item, inner))} }}," for item in value]
        return "\n".join(["[", *items, "]"])
    if unit is not None and isinstance(value, int | float) and not isinstance(value, bool):
        return _text(as_written(float(value), unit))
    if unit is not None and isinstance(value, list | tuple):
        return _text([as_written(float(one), unit) for one in value])
    return _text(value)


def _pairs(values: Mapping, section: type[BaseModel]) -> list[str]:
    return [f"{_key(name)} = {_value(value, section.model_fields[name])}" for name, value in values.items()]


def _text(value: object) -> str:
    """A value in one line."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(name)} = {_text(one)}" for name, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_text(one) for one in value)}]"
    return tomlkit.item(value).as_string()


def _key(name: object) -> str:
    return tomlkit.key(str(name)).as_string()
