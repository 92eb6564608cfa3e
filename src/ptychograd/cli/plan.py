"""`ptychograd plan`: the plan that a result was made with, and what a plan may say."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ptychograd.cli.console import errors, standard_output
from ptychograd.cli.console import output as console
from ptychograd.cli.wording import speak_of_fields
from ptychograd.core.errors import InputError
from ptychograd.runs.plan.plan import Plan, require_replaceable_plan
from ptychograd.runs.plan.toml import save, written
from ptychograd.runs.plan.toml_text import Page


def plan(
    result: Path | None = None,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
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
    asked = _plan_of(result)
    resumed = _as_resumed(result, output or Path("run.toml"))
    if resumed:
        errors.print(resumed, style="yellow", soft_wrap=True)
    page = Page({"": [resumed]} if resumed else {})
    if output is None:
        text, _ = written(asked, ".", str(result), "entry/attached/", page)
        standard_output.write(text)
        return
    require_replaceable_plan(output)
    save(asked, output, page)
    console.print(f"{output}: the plan of {result}.", soft_wrap=True)


def _plan_of(path: Path) -> Plan:
    """The plan of a result, with its files as they are called from here."""
    from ptychograd.fitting.result import load
    from ptychograd.output.captions import FOLDER

    result = load(path)
    try:
        asked = Plan.of_result(result)
    except InputError as problem:
        raise InputError(f"{path}: {problem}") from None
    return asked.seen_from(str(result.settings.get(FOLDER, ".")))


def _as_resumed(path: Path, plan: Path) -> str:
    """How a result that went on to other epochs is made again, which its plan alone does not say; empty for others."""
    from ptychograd.fitting.result import load_settings
    from ptychograd.runs.progress import RUN_PROGRESS, RunProgress

    settings = load_settings(path)
    resumed = RunProgress.of(settings).resumed if RUN_PROGRESS in settings else ()
    if not resumed:
        return ""
    commands = [
        f"ptychograd run {plan} -o {path}",
        *(f"ptychograd resume {path} --epochs {goal}" for _, goal in resumed),
    ]
    stops = [*(f" --stop-after {done}" if done else "" for done, _ in resumed), ""]
    steps = ", then ".join(f"`{command}{stop}`" for command, stop in zip(commands, stops, strict=True))
    return (
        f"{path} was resumed to {resumed[-1][1]} epochs, which goes on from a state that no plan holds: it is made "
        f"again by {steps}."
    )
