"""All fields of a plan, as `--help-all` shows them: by section, with unit, default and option."""

from ptychograd.cli.console import output, say_table
from ptychograd.cli.option_table import OPTIONS
from ptychograd.output.texts.fields import HOW, fields_by_section


def show_fields() -> None:
    """Print every field of a plan."""
    output.print(HOW)
    for heading, rows in fields_by_section({option.path: option.name for option in OPTIONS}):
        output.print(f"\n{heading}", style="bold")
        say_table([(f"  {name}", text) for name, text in rows], styles=("", ""))
