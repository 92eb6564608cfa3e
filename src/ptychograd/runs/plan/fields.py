"""What fields of a plan are made of: sections, whole numbers, names of parts, and parts of your own."""

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticUndefined

VERSION = 1  # of the form of plans
MODULE_CLASS = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
PLAIN = (str, int, float, bool, list, tuple, dict)
FOUND_BY = ("auto", "disc", "symmetry")  # how the zero frequency of patterns is found


AnySection = TypeVar("AnySection", bound="Section")


class Section(BaseModel):
    """A part of a plan, whose fields are its own and no others; it never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=True)

    def replaced(self: AnySection, **changes: object) -> AnySection:
        """The section with other values, which are looked at as those of a new one."""
        return type(self).model_validate({name: getattr(self, name) for name in self.model_fields_set} | changes)


def about(
    text: str,
    default: object = None,
    *,
    least: int | float | None = None,
    above: int | float | None = None,
    most: int | float | None = None,
    less_than: int | float | None = None,
) -> Any:
    """A field with what it means in a sentence, and the numbers it takes; sections have a fresh one by default.

    Args:
        text: what it means.
        default: its value if nothing is said, or the class of a section.
        least: the smallest number.
        above: a number that is too small by a hair.
        most: the largest number.
        less_than: a number that is too large by a hair.
    """
    if isinstance(default, type) and issubclass(default, Section):
        return Field(default_factory=default, description=text)
    return Field(default=default, description=text, ge=least, gt=above, le=most, lt=less_than)


def required(text: str, *, above: int | float | None = None) -> Any:
    """A field that has to be given, and the number above which it is."""
    return Field(default=PydanticUndefined, description=text, gt=above)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not (isinstance(value, int | np.integer)):
        raise ValueError(f"{_shown(value)} is no whole number")
    return int(value)


def _real(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise ValueError(f"{_shown(value)} is no number")
    if not math.isfinite(value):
        raise ValueError(f"{value:g} is no finite number")
    return float(value)


def _epochs(value: object) -> object:
    found = value if value == "auto" else _or(value, _whole, 'a whole number, or "auto"')
    if found != "auto" and found < 0:  # type: ignore[operator]
        raise ValueError("expected 0 or more, or auto")
    return found


def _devices(value: object) -> object:
    found = value if value == "all" else _or(value, _whole, 'a whole number, or "all"')
    if found != "all" and found < 1:  # type: ignore[operator]
        raise ValueError("expected 1 or more, or all")
    return found


def _text_or_number(value: object) -> object:
    return value if isinstance(value, str) else _or(value, _real, "a text in quotes, or a number")


def _number_or_auto(value: object) -> object:
    return value if value == "auto" else _or(value, _real, 'a number, or "auto"')


def _several(value: object, read: Callable[[object], Any]) -> tuple:
    """Numbers in a list, or in a text as "3, 5"."""
    found = [_typed(part) for part in value.split(",")] if isinstance(value, str) else value
    if isinstance(found, np.ndarray):
        found = found.tolist()
    if not isinstance(found, Sequence):
        raise ValueError(f"{_shown(value)} is no list of numbers")
    return tuple(read(one) for one in found)


def _typed(text: str) -> object:
    try:
        return float(text) if "." in text or "e" in text.lower() else int(text)
    except ValueError:
        return text.strip()


def _numbers(value: object) -> tuple[int, ...]:
    return _several([value] if isinstance(value, int) else value, _whole)


def _sides(value: object) -> tuple[int, int]:
    """Two whole numbers above 0, or one for both."""
    found = _several([value, value] if isinstance(value, int | np.integer) else value, _whole)
    if len(found) not in (1, 2) or min(found, default=0) < 1:
        raise ValueError(f"{_shown(value)}: expected rows and columns above 0, as [128, 96], or one number for both")
    return found if len(found) == 2 else (found[0], found[0])


def _centre(value: object) -> object:
    if isinstance(value, str) and value in FOUND_BY:
        return value
    try:
        found = _several(value, _real)
    except ValueError:
        found = ()
    if len(found) != 2 or not all(map(math.isfinite, found)):
        ways = ", ".join(FOUND_BY)
        raise ValueError(f"{_shown(value)} is no place: expected pixels [y, x], as [127.5, 128.3], or one of: {ways}")
    return found


def _or(value: object, read: Callable[[object], object], expected: str) -> object:
    try:
        return read(value)
    except ValueError as problem:
        raise ValueError(f"{problem}; expected {expected}") from None


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _number_or_file(value: object) -> object:
    is_number = isinstance(value, int | float | np.number)
    return _real(value) if is_number else _or(value, _array_or_file, "a number, or an image")


def _texts(value: object) -> tuple[str, ...]:
    """Several texts, or one."""
    found = (value,) if isinstance(value, str | os.PathLike) else value
    found = [_file(text) for text in found] if isinstance(found, Sequence) else found
    if not isinstance(found, Sequence) or not all(isinstance(text, str) for text in found):
        raise ValueError(f"{_shown(value)} is no list of texts")
    return tuple(dict.fromkeys(found))


def named(*choices: str) -> "tuple[PlainValidator, WithJsonSchema]":
    """One of these names, or a part of your own.

    That is "module:Class", with arguments {"kind": "module:Class", "arguments": {...}}, or in Python an object.
    """

    def read(value: object) -> object:
        if isinstance(value, str) and (value in choices or _is_own(value)):
            return value
        if isinstance(value, Mapping) and value.keys() <= {"kind", "arguments"} and _is_own(value.get("kind")):
            return dict(value)
        if isinstance(value, PLAIN) or value is None:
            raise ValueError(f'{_shown(value)} is unknown; expected one of: {", ".join(choices)}; or "module:Class"')
        return value

    own = {"type": "string", "pattern": f"^{MODULE_CLASS.pattern}$"}
    table = {"type": "object", "properties": {"kind": own, "arguments": {"type": "object"}}, "required": ["kind"]}
    schema = {"anyOf": [{"enum": list(choices)}, own, table]}
    return PlainValidator(read), WithJsonSchema(schema)


def _file(value: object) -> object:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _array_or_file(value: object) -> object:
    """An array, or the name of a file that holds one."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, str) or hasattr(value, "shape"):
        return value
    raise ValueError(f"{_shown(value)} is no array, and no name of a file")


def _flat(value: object) -> object:
    """Names with dots, which TOML takes for tables in tables: {"scan": {"offset": 1}} is {"scan.offset": 1}."""
    return dict(_named_flat(value)) if isinstance(value, Mapping) else value


def _named_flat(values: Mapping, before: str = "") -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _named_flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


class Mark(NamedTuple):
    """What else is known of a field than its type.

    Args:
        what: "file" for names of files and folders, which in a plan's file are those from its folder; "places" for
            texts in which such names are.
    """

    what: str


FILE = Mark("file")
PLACES = Mark("places")
Flat = BeforeValidator(_flat)


def _is_own(name: object) -> bool:
    return isinstance(name, str) and MODULE_CLASS.fullmatch(name) is not None


Whole = Annotated[int, BeforeValidator(lambda value: _or(value, _whole, "one, as 3"))]
Real = Annotated[float, BeforeValidator(lambda value: _or(value, _real, "one, as 0.05"))]
Weight = Annotated[Real, Field(gt=0)]
Epochs = Annotated[
    int | Literal["auto"], PlainValidator(_epochs), WithJsonSchema({"anyOf": [{"type": "integer"}, {"const": "auto"}]})
]
Devices = Annotated[
    int | Literal["all"], PlainValidator(_devices), WithJsonSchema({"anyOf": [{"type": "integer"}, {"const": "all"}]})
]
NumberOrAuto = Annotated[
    object, PlainValidator(_number_or_auto), WithJsonSchema({"anyOf": [{"type": "number"}, {"const": "auto"}]})
]
_WHOLES = {"type": "array", "items": {"type": "integer"}}
Numbers = Annotated[tuple[int, ...], PlainValidator(_numbers), WithJsonSchema(_WHOLES)]
Sides = Annotated[tuple[int, int], PlainValidator(_sides), WithJsonSchema({"anyOf": [_WHOLES, {"type": "integer"}]})]
Centre = Annotated[
    object,
    PlainValidator(_centre),
    WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "number"}}, {"enum": list(FOUND_BY)}]}),
]
TextOrNumber = Annotated[object, PlainValidator(_text_or_number), WithJsonSchema({"type": ["string", "number"]})]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
NumberOrFile = Annotated[
    object, PlainValidator(_number_or_file), WithJsonSchema({"type": ["number", "string", "object"]}), FILE
]
ArrayOrFile = Annotated[object, PlainValidator(_array_or_file), WithJsonSchema({"type": ["string", "object"]}), FILE]
Files = Annotated[Texts, FILE]
File = Annotated[str, BeforeValidator(_file), FILE]
Places = Annotated[str, BeforeValidator(_file), PLACES]
