"""What a sweep found, as a table for a person and as files of text."""

import csv
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ptychograd.core.table import as_json

if TYPE_CHECKING:
    from ptychograd.runs.sweeps import Row

TEXTS = ("sweep.txt", "sweep.csv", "sweep.json")


def texts_of(axes: Sequence[str], found: "Sequence[Row]") -> tuple[str, dict[str, str]]:
    """The table for a person, and the files of text by their names, of points along these axes."""
    from ptychograd.core.table import text_table

    figures = list(dict.fromkeys(name for row in found for name in row.figures))
    texts = [name for name in ("verdict", "reason") if any(getattr(row, name) for row in found)]
    columns = [*axes, *figures, *texts]
    rows, numbers = [], []
    for row in found:
        values = {name: row.figures.get(name, math.nan) for name in figures}
        shown = [*map(str, row.point.values()), *(f"{value:.5g}" for value in values.values())]
        rows.append([*shown, *(getattr(row, name) for name in texts)])
        point = {name: str(value) if value in (math.inf, -math.inf) else value for name, value in row.point.items()}
        said = {name: getattr(row, name) for name in texts if getattr(row, name)}
        numbers.append(point | values | said)
    text = "\n".join(text_table(columns, rows)) + "\n"
    sheet = io.StringIO()
    csv.writer(sheet, lineterminator="\n").writerows([columns, *rows])
    return text, dict(zip(TEXTS, (text, sheet.getvalue(), as_json(numbers, indent=1) + "\n"), strict=True))
