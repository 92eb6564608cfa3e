"""`ptychograd validate`: whether a plan can be performed, found out without performing it."""

import glob
from pathlib import Path

from ptychograd.cli.console import errors, output
from ptychograd.cli.options import from_file
from ptychograd.cli.wording import speak_of_fields
from ptychograd.runs.plan.plan import Plan


def validate(plan: Path, /) -> None:
    """Read a plan, check its fields, and make its model and stages if the data are there; nothing is reconstructed.

    Args:
        plan: A plan (.toml), as `ptychograd init` writes one.
    """
    asked = from_file(str(plan))
    speak_of_fields()
    asked.check()
    absent = [path for path in asked.data.paths if not (Path(path).exists() or glob.glob(path))]
    if asked.data.paths and len(absent) == len(asked.data.paths):
        output.print(f"{plan}: its fields are right.", soft_wrap=True)
        errors.print(f"{', '.join(absent)}: not there, so the data were not looked at", style="yellow", soft_wrap=True)
        return
    output.print(f"{plan}: it can be run; {_with_data(asked)}.", soft_wrap=True)


def _with_data(plan: Plan) -> str:
    """What the run would be."""
    from ptychograd.cli.machine import start
    from ptychograd.runs.machine import devices, in_file
    from ptychograd.runs.planned import PlannedRun
    from ptychograd.runs.run import check

    start(plan.machine)
    data = plan.read(in_file(plan.machine))
    planned = PlannedRun.of(plan, data, devices(plan.machine))
    check(planned.run)
    return planned.summary
