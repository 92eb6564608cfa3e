"""Tables of text, as CSV and what beamlines log: columns with names, units and values."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.positions.columns import Column, named
from ptychograd.data.files.safety.entries import damage

LARGEST = 2**28  # bytes of a table
MARKS = "#%!"  # at the beginning of a line that is a remark, and maybe the header
DELIMITERS = "\t;,"  # the first that is there: commas may stand before decimals
_GLUED = re.compile(r"\s+(?=[(\[])")  # between a name and its unit in brackets


class Line(NamedTuple):
    """The fields of a line, its number in the file, and whether it is a remark."""

    number: int
    fields: Sequence[str]
    is_remark: bool


def is_text(path: Path) -> bool:
    """Whether a file begins as a text does."""
    with damage(f"{path} can't be read"), path.open("rb") as file:
        start = file.read(1024)
    printable = sum(byte in b"\t\r\n" or 32 <= byte < 127 or byte >= 160 for byte in start)
    return bool(start) and b"\0" not in start and printable > 0.95 * len(start)


def read_table(path: Path) -> list[Column]:
    """The columns of a table, with what its header calls them; numbers as such, and else texts.

    Fields are divided by commas, semicolons, tabs or blanks. The header is the line before the first number, or the
    last remark that has as many fields.

    Raises:
        InputError: there is no line of numbers, or a line has another number of fields than the first.
    """
    lines = _lines(path)
    first = next((place for place, line in enumerate(lines) if not line.is_remark and _has_number(line)), None)
    if first is None:
        raise InputError(f"{path} has no line with a number; expected a table of positions, with a header.")
    width = len(lines[first].fields)
    body = [line for line in lines[first:] if not line.is_remark]
    for line in body:
        if len(line.fields) != width:
            raise InputError(
                f"{path}, line {line.number}: {len(line.fields)} fields, and {width} in line {lines[first].number}; "
                "expected as many in every line."
            )
    names = _header(lines[:first], width)
    columns = zip(*(line.fields for line in body), strict=True)
    return [
        named(names[place] if names else "", _values(fields), f"{path.name}:{names[place] if names else place + 1}")
        for place, fields in enumerate(columns)
    ]


def _lines(path: Path) -> list[Line]:
    """All lines that are not empty."""
    with damage(f"{path} can't be read"):
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path} is larger than {LARGEST >> 20} MiB, which no table of positions is.")
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    raw = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    raw = [(number, line) for number, line in raw if line]
    plain = [line for _, line in raw if line[0] not in MARKS]
    delimiter = next((mark for mark in DELIMITERS if plain and mark in plain[-1]), None)
    return [Line(number, _fields(line.lstrip(MARKS).strip(), delimiter), line[0] in MARKS) for number, line in raw]


def _fields(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return _GLUED.sub("", line).split()
    return [field.strip() for field in next(csv.reader([line], delimiter=delimiter))]


def _header(lines: Sequence[Line], width: int) -> list[str]:
    """Names of the columns; none where there is no header."""
    for line in reversed(lines):
        if len(line.fields) == width:
            return list(line.fields)
        if line.is_remark and len(line.fields) == width + 1:  # as "#L x y" of SPEC
            return list(line.fields[1:])
    return []


def _has_number(line: Line) -> bool:
    return any(_number(field) is not None for field in line.fields)


def _number(field: str) -> float | None:
    """A number, also with a comma before its decimals."""
    try:
        return float(field)
    except ValueError:
        pass
    try:
        return float(field.replace(",", ".", 1))
    except ValueError:
        return None


def _values(fields: Sequence[str]) -> np.ndarray:
    """Numbers, or texts where a field is none; an empty field is no number that anyone knows."""
    numbers = [np.nan if not field else _number(field) for field in fields]
    return np.array(fields) if None in numbers else np.array(numbers, float)
