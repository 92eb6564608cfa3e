"""What a sweep found, as a table for a person and as files of text."""

import csv
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ptychograd.core.errors import InputError
from ptychograd.core.table import as_json, text_table
from ptychograd.runs.plan_sweep import name_of
from ptychograd.runs.setting_names import PRUNED
from ptychograd.runs.sweep_folder import TEXTS

if TYPE_CHECKING:
    from ptychograd.runs.searches import Search
    from ptychograd.runs.sweeps import Row, Sweep


def outcome(found: "Sweep | Search", by: str) -> str:
    """The best point, and its figure by which it was chosen.

    Raises:
        InputError: there is none, with the reasons.
    """
    if found.best is not None:
        return f"best: {name_of(found.best.point)}, {by} {found.best.figures[by]:.5g}"
    reasons = list(dict.fromkeys(row.reason for row in found.rows))
    if all(reason.startswith("diverged") for reason in reasons):
        raise InputError("Every run diverged; take smaller steps.")
    raise InputError(f"No point worked: {' '.join(reasons[:3])}")


def pruned_line(found: "Sweep | Search") -> str:
    """How many runs were pruned; nothing if none was."""
    pruned = sum(row.reason.startswith(PRUNED) for row in found.rows)
    return f"{pruned} of {len(found.rows)} runs were pruned: others were better by then." if pruned else ""


def failures_line(found: "Sweep | Search") -> str:
    """How many points failed, and why the first one did; nothing if none did."""
    failed = [row for row in found.rows if row.reason and not row.reason.startswith(PRUNED)]
    if not failed:
        return ""
    return f"{len(failed)} of {len(found.rows)} points failed; {name_of(failed[0].point)}: {failed[0].reason}"


def texts_of(axes: Sequence[str], found: "Sequence[Row]") -> tuple[str, dict[str, str]]:
    """The table for a person, and the files of text by their names, of points along these axes."""
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
