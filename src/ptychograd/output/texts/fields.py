"""What the fields of a plan mean and take, in lines for a person."""

import re
from collections.abc import Iterator, Mapping

from ptychograd.runs.plan.listing import FieldInfo, fields, sections
from ptychograd.runs.plan.quantities import KINDS
from ptychograd.runs.plan.walking import ONE

HOW = (
    "All fields of a plan. Give them by --set FIELD=VALUE, as --set fit.solver.momentum=0.9, by an option where one "
    "is named, or in a file. Entries of a table are given by their names, as --set fit.priors.tv=0.3; stages and lines "
    f"by their numbers, as --set fit.stages.{ONE}.epochs=20. A bare number is in the unit that is named; others follow "
    'the number, as --set geometry.distance="3.65 m".'
)


def help_of(field: FieldInfo) -> str:
    """What a field means, its choices, and its value if nothing is said."""
    text = re.split(r"(?<=\.)\s+(?=[A-Z])", field.text)[0].rstrip(".")  # the first sentence
    notes = [f"one of {', '.join(field.choices)}"] if not all(choice in text for choice in field.choices) else []
    notes += [f"default {field.default}"] if field.default not in (None, False, [], {}, 0) else []
    return f"{text} ({'; '.join(notes)})." if notes else f"{text}."


def metavar_of(field: FieldInfo) -> str:
    """What a field takes, in a word of capitals."""
    if field.holds == "table":
        return "NAME=VALUE"
    if field.unit:
        return KINDS[field.unit].upper()
    if field.is_text:
        return "NAME" if field.choices or field.holds == "list" else "FILE"
    return {frozenset({"integer"}): "N", frozenset({"number"}): "NUMBER"}.get(field.types, "N")


def fields_by_section(options: Mapping[str, str]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each section with its heading, and its fields with what they mean.

    Args:
        options: names of options by the fields that they give.
    """
    for section, about in sections().items():
        inside = [field for field in fields().values() if field.path.rpartition(".")[0] == section]
        if inside:
            rows = [(field.path.rpartition(".")[2], " ".join(_said(field, options))) for field in inside]
            yield f"{section or 'plan'}: {about}", rows


def _said(field: FieldInfo, options: Mapping[str, str]) -> Iterator[str]:
    """What a field means, what it takes, and which option it has."""
    yield field.text
    if not all(choice in field.text for choice in field.choices):
        yield f"One of {', '.join(field.choices)}."
    notes = [f"{KINDS[field.unit]} in {field.unit}"] if field.unit else []
    notes += [f"a {field.holds}"] if field.holds != "one" else []
    notes += [f"default {_shown(field.default)}"] if field.default not in (None, [], {}) else []
    notes += [options[field.path]] if field.path in options else []
    if notes:
        yield f"({'; '.join(notes)})"


def _shown(value: object) -> str:
    """A value as TOML has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
