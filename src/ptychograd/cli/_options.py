"""Options that several commands share, and how their texts are read."""

from typing import Annotated, Literal

from cyclopts import Parameter

from ptychograd._errors import InputError

Keys = Annotated[
    list[str] | None,
    Parameter(
        name="--key",
        negative="",
        help="Where the file keeps an item: NAME=PATH, or NAME=NUMBER in SI units; names are patterns, "
        "positions, mask, probe, support, wavelength, energy_kev, distance, pixel_size. Repeat for several.",
    ),
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="End with one line of JSON.")]
Precision = Literal["single", "double"]


def pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    """`NAME=VALUE` texts as a dictionary."""
    found = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise InputError(f'--{option} "{text}" can\'t be read; expected NAME=VALUE.')
        found[name.strip()] = value.strip()
    return found


def numbers(texts: list[str] | None, option: str) -> dict[str, float]:
    """`NAME=NUMBER` texts as a dictionary of positive numbers."""
    found = {}
    for name, value in pairs(texts, option).items():
        try:
            found[name] = float(value)
        except ValueError:
            raise InputError(f'--{option} {name}={value}: "{value}" is no number.') from None
        if not 0 < found[name] < float("inf"):
            raise InputError(f"--{option} {name}={value}: expected a number above zero.")
    return found
