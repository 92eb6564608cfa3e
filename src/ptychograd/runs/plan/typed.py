"""Values of a plan's fields as a person types them: those of TOML, and texts without quotation marks."""

import re
import tomllib
from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from ptychograd.core.errors import InputError
from ptychograd.runs.plan.listing import FieldInfo, field_at
from ptychograd.runs.plan.whole import PlanFields

Asked = TypeVar("Asked", bound=PlanFields)
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")  # also where TOML has none, as 007 and .5


def value_of(path: str, text: str) -> object:
    """The value of a field, of a table's entry or of a section, from a text as typed.

    A value of TOML is taken as such: `100`, `true`, `[1, 2]`, `{tv = 0.1}`, `"007"`; all else is the text itself, as
    `auto`, `3.65 mm`, `/entry/x:um`. A field that takes texts alone has numbers as they were typed.
    """
    field, value = field_at(path), of_toml(text)
    if value is None:
        return _number(text) if field is not None and not field.is_text and NUMBER.fullmatch(text) else text
    return value if field is None or not field.is_text or isinstance(value, str | list | dict) else text


def assigned(plan: Asked, texts: Sequence[str], option: str = "--set") -> Asked:
    """The plan with other values, from texts as "fit.epochs=100", one after another.

    Raises:
        InputError: in terms of what was typed.
    """
    for text in texts:
        path, equals, typed = (part.strip() for part in text.partition("="))
        if not (path and equals and typed):
            raise InputError(f'{option} "{text}" can\'t be read; expected FIELD=VALUE, as fit.epochs=100.')
        try:
            plan = plan.with_fields({path: value_of(path, typed)})
        except InputError as problem:
            raise InputError(str(problem).replace(f"`{path}`", f"{option} {path}")) from None
    return plan


def values_of(field: FieldInfo, given: str | bool | Sequence[str], option: str) -> dict[str, object]:
    """The values of a field, by path, from what was typed for it: a text, several, or that it is so.

    Args:
        field: one that takes a value, several, or entries of a table, as "tv=0.3".
        given: what was typed.
        option: how it was typed, for sentences about it.
    """
    if isinstance(given, bool):
        return {field.path: given}
    if isinstance(given, str):
        return {field.path: value_of(field.path, given)}
    if field.holds == "table":
        return {f"{field.path}.{name}": value_of(field.path, text) for name, text in pairs(given, option).items()}
    found = [value_of(field.path, text) for text in given]
    return {field.path: [one for part in found for one in (part if isinstance(part, list) else [part])]}


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """`NAME=VALUE` texts as a dictionary."""
    found = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise InputError(f'{option} "{text}" can\'t be read; expected NAME=VALUE.')
        if name in found:
            raise InputError(f"{option} {name} is given twice; give it once.")
        found[name] = value
    return found


def paths_of(texts: Iterable[str]) -> list[str]:
    """The fields of texts as "fit.epochs=100"."""
    return [text.partition("=")[0].strip() for text in texts]


def require_within(texts: Iterable[str], sections: Sequence[str]) -> None:
    """Raise `InputError` for a field, of texts as "fit.epochs=100", in none of these sections, if there are any."""
    for path in paths_of(texts):
        if sections and not any(f"{path}.".startswith(f"{section}.") for section in sections):
            raise InputError(f"--set {path} is of no use here; expected a field of {', '.join(sections)}.")


def without_overridden(plan: Asked, paths: Sequence[str], keys: Collection[str]) -> Asked:
    """The plan without keys in whose place a length of the geometry was typed: what comes later wins.

    Args:
        plan: with the keys of a file.
        paths: fields that were typed.
        keys: that were typed.
    """
    lengths = {path.removeprefix("geometry.") for path in paths if path.startswith("geometry.")}
    lengths |= {"energy", "energy_kev", "wavelength"} if lengths & {"energy", "wavelength"} else set()
    left = {name: where for name, where in plan.data.keys.items() if name in keys or name not in lengths}
    return plan if len(left) == len(plan.data.keys) else plan.with_fields({"data.keys": left})


def of_toml(text: str) -> object:
    """The value that a text is in TOML, of those that a plan can have; None if it is none."""
    try:
        found = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return None
    return found["value"] if len(found) == 1 and _is_plain(found["value"]) else None


def _is_plain(value: object) -> bool:
    """Whether there are no dates and times in it."""
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return all(map(_is_plain, value)) if isinstance(value, list) else isinstance(value, str | int | float)


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
