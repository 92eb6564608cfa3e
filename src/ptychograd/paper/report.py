"""What a reproduction leaves: a table beside the paper's numbers, all numbers as JSON and CSV, and a picture."""

import contextlib
import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ptychograd.core.table import as_json, text_table
from ptychograd.data.files import replacing
from ptychograd.output.plot.overview import Figure, save

Tell = Callable[[float, str], None]


class Report(NamedTuple):
    """A reproduction of one figure: columns and rows of its table, every number, and the picture."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: Mapping
    records: Sequence[Mapping]
    picture: Figure
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The table for a person."""
        return "\n".join([self.title, "", *text_table(self.columns, self.rows), "", *self.notes]).rstrip() + "\n"


class Reproduction(NamedTuple):
    """Where a figure is being reproduced: its folder, smaller or whole, and who is told of progress.

    `told(share, what)` hears which share of the whole a finished piece is.
    """

    folder: Path
    quick: bool
    tell: Tell


def write(report: Report, folder: Path, name: str) -> None:
    """The table, all numbers and the picture, each whole or not at all; the folder is made if it is missing."""
    with contextlib.suppress(OSError):  # what keeps it from being made keeps the files from being written
        folder.mkdir(exist_ok=True)
    _write(folder / f"{name}.txt", report.text)
    _write(folder / f"{name}.json", as_json(report.numbers, indent=1) + "\n")
    fields = list(dict.fromkeys(field for record in report.records for field in record))
    sheet = io.StringIO()
    writer = csv.DictWriter(sheet, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(report.records)
    _write(folder / f"{name}.csv", sheet.getvalue())
    save(report.picture, folder / f"{name}.png")


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
