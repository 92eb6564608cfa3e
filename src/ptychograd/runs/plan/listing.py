"""All fields of a plan with what they mean and what they take, for helps, for wording, and for values as typed."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from ptychograd.runs.plan.walking import ONE, value_fields, walk
from ptychograd.runs.plan.whole import PlanFields


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
    known = _schemas()
    places = value_fields(PlanFields).values()
    return {place.path: _field(place.path, known[place.section.__name__]["properties"][place.name]) for place in places}


@cache
def sections() -> Mapping[str, str]:
    """What the sections of a plan are, by their paths; the plan itself has the empty one."""
    known = _schemas()
    found = {"": PlanFields} | {place.within: place.inner for place in walk(PlanFields) if place.inner is not None}
    return {
        path: " ".join(known[section.__name__]["description"].split("\n\n")[0].split())
        for path, section in found.items()
    }


def field_at(path: str) -> FieldInfo | None:
    """The field that a path names, or that holds the table of which it names an entry; None if there is none."""
    known, parts = fields(), [ONE if part.isdigit() else part for part in path.split(".")]
    for length in range(len(parts), 0, -1):
        found = known.get(".".join(parts[:length]))
        if found is not None and (length == len(parts) or found.holds == "table"):
            return found
    return None


def given_fields(plan: PlanFields) -> frozenset[str]:
    """Paths of the fields of which a plan says something."""
    said = plan.said()

    def is_given(path: str) -> bool:
        place: object = said
        for name in path.split("."):
            place = place.get(name) if isinstance(place, dict) else place  # in a list, that it is there
        return place is not None and not (isinstance(place, dict) and not place)

    return frozenset(path for path in fields() if is_given(path))


def _schemas() -> Mapping[str, Mapping]:
    """The JSON schema of every section, by the name of its class."""
    schema = PlanFields.model_json_schema()
    return {**schema["$defs"], PlanFields.__name__: schema}


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
