"""Tables and figures as text, for a terminal and a file alike."""

import json
import math
from collections.abc import Mapping, Sequence


def text_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table: its columns' names, a rule, and its rows."""
    table = [tuple(columns), *map(tuple, rows)]
    widths = [max(len(row[k]) for row in table) for k in range(len(table[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def as_json(figures: object, indent: int | None = None) -> str:
    """Figures as JSON in ASCII; NaN and infinity, which JSON has no words for, are null."""
    return json.dumps(_plain(figures), indent=indent, allow_nan=False)


def _plain(value: object) -> object:
    """The same with null for what is no finite number, and plain numbers for those of NumPy."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str | bool | None):
        return value
    as_plain = getattr(value, "item", None)
    number = value if as_plain is None else as_plain()
    return None if isinstance(number, float) and not math.isfinite(number) else number
