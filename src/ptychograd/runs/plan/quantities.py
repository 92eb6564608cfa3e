"""Numbers with units, as a plan takes them: "3.65 mm", "8 keV", "10 min", "4 GB"; a bare number is in the SI."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

import numpy as np
from pydantic import BeforeValidator, PlainValidator, WithJsonSchema

from ptychograd.core.memory import UNITS as BYTES
from ptychograd.data.geometry import QUANTITIES, unit_size

_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?inf(?:inity)?|nan)\s*(.*?)\s*")
_COMMA = re.compile(r"\s*([-+]?\d+),(\d+\b.*?)\s*")  # where a point belongs
_ABERRATION = re.compile(r"(C|phi)[1-5][0-6]")
SIZES = {"B": 1.0, "kB": 1e3, **{n.replace("IB", "iB"): float(s) for n, s in BYTES.items() if n not in ("B", "KB")}}
KINDS = {  # by the unit of the SI: what it measures
    "m": "length",
    "J": "energy",
    "rad": "angle",
    "s": "time",
    "V": "voltage",
    "B": "memory",
    "pixel": "number of pixels",
    "photons": "number of photons",
}


def quantity(value: object, unit: str) -> float:
    """A number in a unit of the SI, from a number or a text as "3.65 mm".

    Args:
        value: what was given; a number without a unit is in the SI.
        unit: the unit of the SI, one of `KINDS`.

    Raises:
        ValueError: it is no number, or has a unit of another kind; the text names those that fit.
    """
    kind, units = KINDS[unit], _units(unit)
    fitting = ", ".join(units)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"expected a {kind}, as a number in {unit} or a text with one of the units {fitting}")
    if not isinstance(value, str):
        number = float(value)
    else:
        if comma := _COMMA.fullmatch(value):
            raise ValueError(f'"{value}" is no {kind}; give its number with a point, as "{comma[1]}.{comma[2]}"')
        found = _NUMBER.fullmatch(value)
        if found is None:
            raise ValueError(f'"{value}" is no {kind}; expected a number and one of the units {fitting}')
        size = Decimal(repr(float(_size(found[2], units, value, kind))))
        number = float(Decimal(found[1]) * size)  # "55 um" is 55e-6, which 55 * 1e-6 is not
    if math.isnan(number):
        raise ValueError(f"nan is no {kind}")
    return number


def _units(unit: str) -> Mapping[str, int | float]:
    return SIZES if unit == "B" else QUANTITIES[unit]


def _size(name: str, units: Mapping[str, int | float], text: str, kind: str) -> float:
    if not name:
        return 1.0
    size = unit_size(name, units)
    if size is None and units is SIZES:  # whose letters mean the same, large or small
        size = BYTES.get(name.upper())
    if size is None:
        raise ValueError(f'"{text}" is no {kind}; expected one of the units {", ".join(units)}')
    return float(size)


def _of(unit: str) -> tuple[BeforeValidator, WithJsonSchema]:
    schema = {"type": ["number", "string"], "unit": unit}
    return BeforeValidator(lambda value: quantity(value, unit)), WithJsonSchema(schema)


def _along_both(value: object) -> tuple[float, float]:
    """Lengths along y and x, of which one may stand for both."""
    several = list(value) if isinstance(value, list | tuple | np.ndarray) else [value, value]
    if len(several) != 2:
        raise ValueError(f"expected one length, or two, along y and x; there are {len(several)}")
    y, x = (quantity(one, "m") for one in several)
    return y, x


Length = Annotated[float, *_of("m")]


def _one_or_two(value: object) -> float | tuple[float, float]:
    """A length, or two, in a list or in a text with a comma."""
    several = value.split(",") if isinstance(value, str) and "," in value else value
    if not isinstance(several, list | tuple):
        return quantity(value, "m")
    if len(several) != 2:
        raise ValueError(f"expected one length, or two, along y and x, not {len(several)}")
    return quantity(several[0], "m"), quantity(several[1], "m")


def _above_zero(value: object) -> float | tuple[float, float]:
    """The same, above 0."""
    found = _one_or_two(value)
    if not all(length > 0 for length in (found if isinstance(found, tuple) else (found,))):
        raise ValueError(f"{value} is not above 0")
    return found


def _aberrations(value: object) -> dict[str, float]:
    """Lengths by names as C10, and angles by names as phi12."""
    if not isinstance(value, Mapping):
        raise ValueError('expected coefficients by name, as {C10 = "-8 nm"}')
    unknown = [name for name in value if not _ABERRATION.fullmatch(str(name))]
    if unknown:
        raise ValueError(f'"{unknown[0]}" is no aberration; expected names as C10 and phi12')
    return {str(name): quantity(one, "m" if str(name).startswith("C") else "rad") for name, one in value.items()}


Energy = Annotated[float, *_of("J")]
Angle = Annotated[float, *_of("rad")]
Duration = Annotated[float, *_of("s")]
Bytes = Annotated[float, *_of("B")]
Lengths = Annotated[
    tuple[float, float],
    PlainValidator(_along_both),
    WithJsonSchema({"type": ["number", "string", "array"], "unit": "m"}),
]
Voltage = Annotated[float, *_of("V")]
_ONE_OR_TWO = WithJsonSchema({"type": ["number", "string", "array"], "unit": "m"})
LengthOrTwo = Annotated[float | tuple[float, float], PlainValidator(_one_or_two), _ONE_OR_TWO]
WidthOrTwo = Annotated[float | tuple[float, float], PlainValidator(_above_zero), _ONE_OR_TWO]
Aberrations = Annotated[
    dict[str, float],
    PlainValidator(_aberrations),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": ["number", "string"]}}),
]
