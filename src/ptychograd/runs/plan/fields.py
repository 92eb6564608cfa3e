"""What fields of a plan are made of: sections, whole numbers, names of parts, and parts of your own."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticUndefined

MODULE_CLASS = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
PLAIN = (str, int, float, bool, list, tuple, dict)


AnySection = TypeVar("AnySection", bound="Section")


class Section(BaseModel):
    """A part of a plan, whose fields are its own and no others; it never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=True)

    def replaced(self: AnySection, **changes: object) -> AnySection:
        """The section with other values, which are looked at as those of a new one."""
        return type(self).model_validate({name: getattr(self, name) for name in self.model_fields_set} | changes)


def about(text: str, default: object = None) -> Any:
    """A field with what it means in a sentence; sections have a fresh one by default."""
    if isinstance(default, type) and issubclass(default, Section):
        return Field(default_factory=default, description=text)
    return Field(default=default, description=text)


def required(text: str) -> Any:
    """A field that has to be given."""
    return Field(default=PydanticUndefined, description=text)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not (isinstance(value, int | np.integer)):
        raise ValueError(f"{_shown(value)} is no whole number")
    return int(value)


def _real(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise ValueError(f"{_shown(value)} is no number")
    if math.isnan(value):
        raise ValueError("nan is no number")
    return float(value)


def _epochs(value: object) -> object:
    return value if value == "auto" else _or(value, _whole, 'a whole number, or "auto"')


def _devices(value: object) -> object:
    return value if value == "all" else _or(value, _whole, 'a whole number, or "all"')


def _or(value: object, read: Callable[[object], object], expected: str) -> object:
    try:
        return read(value)
    except ValueError as problem:
        raise ValueError(f"{problem}; expected {expected}") from None


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _number_or_file(value: object) -> object:
    return value if isinstance(value, str) or hasattr(value, "shape") else _real(value)


def _texts(value: object) -> tuple[str, ...]:
    """Several texts, or one."""
    found = (value,) if isinstance(value, str) else value
    if not isinstance(found, Sequence) or not all(isinstance(text, str) for text in found):
        raise ValueError(f"{_shown(value)} is no list of texts")
    return tuple(dict.fromkeys(found))


def named(*choices: str) -> "tuple[PlainValidator, WithJsonSchema]":
    """One of these names, a part of your own as "module:Class", or in Python an object."""

    def read(value: object) -> object:
        if isinstance(value, str) and (value in choices or MODULE_CLASS.fullmatch(value)):
            return value
        if isinstance(value, PLAIN) or value is None:
            raise ValueError(f'{_shown(value)} is unknown; expected one of: {", ".join(choices)}; or "module:Class"')
        return value

    schema = {"anyOf": [{"enum": list(choices)}, {"type": "string", "pattern": f"^{MODULE_CLASS.pattern}$"}]}
    return PlainValidator(read), WithJsonSchema(schema)


Whole = Annotated[int, BeforeValidator(_whole)]
Real = Annotated[float, BeforeValidator(_real)]
Epochs = Annotated[
    int | Literal["auto"], PlainValidator(_epochs), WithJsonSchema({"anyOf": [{"type": "integer"}, {"const": "auto"}]})
]
Devices = Annotated[
    int | Literal["all"], PlainValidator(_devices), WithJsonSchema({"anyOf": [{"type": "integer"}, {"const": "all"}]})
]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
NumberOrFile = Annotated[object, PlainValidator(_number_or_file), WithJsonSchema({"type": ["number", "string"]})]
ArrayOrFile = Annotated[
    object, PlainValidator(lambda value: value), WithJsonSchema({"type": ["string", "object"], "format": "array"})
]
