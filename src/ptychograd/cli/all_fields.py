"""All fields of a plan, as `--help-all` shows them: by section, with unit, default and option."""

from collections.abc import Iterator

from ptychograd.cli.console import output
from ptychograd.cli.option_table import OPTIONS
from ptychograd.runs.plan.listing import FieldInfo, fields, sections
from ptychograd.runs.plan.quantities import KINDS
from ptychograd.runs.plan.walking import ONE

HOW = (
    "All fields of a plan. Give them by --set FIELD=VALUE, as --set fit.solver.momentum=0.9, by an option where one "
    "is named, or in a file. Entries of a table are given by their names, as --set fit.priors.tv=0.3; stages and lines "
    f"by their numbers, as --set fit.stages.{ONE}.epochs=20. A bare number is in the unit that is named; others follow "
    'the number, as --set geometry.distance="3.65 m".'
)


def show_fields() -> None:
    """Print every field of a plan."""
    from rich.table import Table

    output.print(HOW)
    for section, about in sections().items():
        inside = [field for field in fields().values() if field.path.rpartition(".")[0] == section]
        if not inside:
            continue
        output.print(f"\n{section or 'plan'}: {about}", style="bold")
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column()
        for field in inside:
            table.add_row(f"  {field.path.rpartition('.')[2]}", " ".join(_said(field)))
        output.print(table)


def _said(field: FieldInfo) -> Iterator[str]:
    """What a field means, what it takes, and which option it has."""
    yield field.text
    if not all(choice in field.text for choice in field.choices):
        yield f"One of {', '.join(field.choices)}."
    notes = [f"{KINDS[field.unit]} in {field.unit}"] if field.unit else []
    notes += [f"a {field.holds}"] if field.holds != "one" else []
    notes += [f"default {_shown(field.default)}"] if field.default not in (None, [], {}) else []
    notes += [option.name for option in OPTIONS if option.path == field.path]
    if notes:
        yield f"({'; '.join(notes)})"


def _shown(value: object) -> str:
    """A value as TOML has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
