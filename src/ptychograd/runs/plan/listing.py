"""All fields of a plan with what they mean and what they take, for helps, for wording, and for values as typed."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from ptychograd.runs.plan.whole import PlanFields

ONE = "1"  # in the path of a field of a stage or of a line: of the first one, which stands for all


class FieldInfo(NamedTuple):
    """A field that holds a value.

    Args:
        path: of the field, as "fit.solver.momentum".
        text: what it means.
        default: its value if nothing is said.
        unit: of a bare number, in the SI; empty if it has none.
        types: of JSON, that its value may have, or that the values in its list or table may have.
        choices: words that it takes, if it takes no others.
        holds: "one" value, a "list" of values, or a "table" of values by name.
    """

    path: str
    text: str
    default: object
    unit: str
    types: frozenset[str]
    choices: tuple[str, ...]
    holds: str

    @property
    def is_flag(self) -> bool:
        """Whether it is true or false."""
        return self.types == {"boolean"}

    @property
    def is_text(self) -> bool:
        """Whether it takes texts, and neither numbers nor truth values."""
        return "string" in self.types and not self.types & {"integer", "number", "boolean"}


@cache
def fields() -> Mapping[str, FieldInfo]:
    """All fields of a plan that hold values, by their paths."""
    schema = PlanFields.model_json_schema()
    return {field.path: field for field in _fields(schema, schema["$defs"], "")}


@cache
def sections() -> Mapping[str, str]:
    """What the sections of a plan are, by their paths; the plan itself has the empty one."""
    schema = PlanFields.model_json_schema()
    return dict(_sections(schema, schema["$defs"], ""))


def field_at(path: str) -> FieldInfo | None:
    """The field that a path names, or that holds the table of which it names an entry; None if there is none."""
    known, parts = fields(), [ONE if part.isdigit() else part for part in path.split(".")]
    for length in range(len(parts), 0, -1):
        found = known.get(".".join(parts[:length]))
        if found is not None and (length == len(parts) or found.holds == "table"):
            return found
    return None


def _fields(schema: Mapping, definitions: Mapping, before: str) -> Iterator[FieldInfo]:
    for name, field in schema["properties"].items():
        inner = _section(field, definitions)
        if inner is None:
            yield _field(f"{before}{name}", field)
        else:
            yield from _fields(inner, definitions, f"{before}{name}.{ONE}." if "items" in field else f"{before}{name}.")


def _sections(schema: Mapping, definitions: Mapping, path: str) -> Iterator[tuple[str, str]]:
    yield path, " ".join(schema["description"].split("\n\n")[0].split())
    for name, field in schema["properties"].items():
        inner = _section(field, definitions)
        if inner is not None:
            yield from _sections(inner, definitions, f"{path}.{name}".lstrip(".") + f".{ONE}" * ("items" in field))


def _section(field: Mapping, definitions: Mapping) -> Mapping | None:
    """The section that a field holds, or several of; None if it holds a value."""
    for part in (field, field.get("items", {}), *field.get("anyOf", ())):
        if "$ref" in part:
            return definitions[part["$ref"].rpartition("/")[2]]
    return None


def _field(path: str, field: Mapping) -> FieldInfo:
    parts = [part for part in (field, *field.get("anyOf", ())) if part.get("type") != "null"]
    held = [part.get("items") or part.get("additionalProperties") for part in parts]
    held = [part for part in held if isinstance(part, Mapping)]
    holds = "list" if any("items" in part for part in parts) else "one"
    holds = "table" if any("additionalProperties" in part for part in parts) else holds
    values = list(_alternatives(held if held else [field]))
    return FieldInfo(
        path,
        field["description"],
        field.get("default"),
        next((part["unit"] for part in values if "unit" in part), ""),
        frozenset(name for part in values for name in _types(part)) - {"null"},
        tuple(choice for part in values for choice in part.get("enum", ())),
        holds,
    )


def _alternatives(parts: list[Mapping]) -> Iterator[Mapping]:
    for part in parts:
        yield part
        yield from _alternatives(part.get("anyOf", []))


def _types(part: Mapping) -> tuple[str, ...]:
    """The types of a part of a schema; that of its constant or of its choices, where it names none."""
    given = part.get("type", "string" if {"const", "enum"} & part.keys() else ())
    return (given,) if isinstance(given, str) else tuple(given)
