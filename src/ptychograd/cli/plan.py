"""`ptychograd plan`: the plan that a result was made with, and what a plan may say."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ptychograd.cli.console import say, standard_output, warn
from ptychograd.cli.options import Output
from ptychograd.cli.wording import speak_of_fields
from ptychograd.core.errors import InputError
from ptychograd.runs.plan.plan import Plan, plan_of_file, require_replaceable_plan
from ptychograd.runs.plan.toml import save, written
from ptychograd.runs.plan.toml_text import Page


def plan(
    result: Path | None = None,
    /,
    *,
    output: Output = None,
    schema: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Print the plan of a result as TOML; `ptychograd run` with it makes the same result again.

    Args:
        result: What `reconstruct` or `run` wrote.
        output: Write it into this file (.toml), and its arrays beside it; by default it is printed.
        schema: Print the JSON schema of plans, with the meaning and the unit of every field.
    """
    speak_of_fields()
    if schema:
        standard_output.write(json.dumps(Plan.schema(), indent=1, ensure_ascii=False) + "\n")
        return
    if result is None:
        raise InputError("Name a result, or give --schema.")
    from ptychograd.output.texts.results import resumed_line

    asked = plan_of_file(result)
    resumed = resumed_line(result, output or Path("run.toml"))
    warn(resumed)
    page = Page({"": [resumed]} if resumed else {})
    if output is None:
        standard_output.write(written(asked, ".", str(result), "entry/attached/", page)[0])
        return
    require_replaceable_plan(output)
    save(asked, output, page)
    say(f"{output}: the plan of {result}.")
