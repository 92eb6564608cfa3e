"""All fields of a plan, as `--help-all` shows them: by section, with unit, default and option."""

from ptychograd.cli.console import output
from ptychograd.cli.option_table import OPTIONS
from ptychograd.output.texts.fields import HOW, fields_by_section


def show_fields() -> None:
    """Print every field of a plan."""
    from rich.table import Table

    output.print(HOW)
    for heading, rows in fields_by_section({option.path: option.name for option in OPTIONS}):
        output.print(f"\n{heading}", style="bold")
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column()
        for name, text in rows:
            table.add_row(f"  {name}", text)
        output.print(table)
