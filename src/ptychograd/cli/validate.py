"""`ptychograd validate`: whether a plan can be performed, found out without performing it."""

from pathlib import Path

from ptychograd.cli.console import say, warn
from ptychograd.cli.job import begun
from ptychograd.cli.options import from_file
from ptychograd.cli.wording import speak_of_fields


def validate(plan: Path, /) -> None:
    """Read a plan, check its fields, and make its model and stages if the data are there; nothing is reconstructed.

    Args:
        plan: A plan (.toml), as `ptychograd init` writes one.
    """
    from ptychograd.runs.plan.reading import absent_files

    asked = from_file(str(plan))
    speak_of_fields()
    absent = absent_files(asked)
    if absent and len(absent) == len(asked.data.paths):
        asked.check()
        say(f"{plan}: its fields are right.")
        warn(f"{', '.join(absent)}: not there, so the data were not looked at")
        return
    job = begun(asked)
    (planned := job.planned(job.read(), None)).check()
    say(f"{plan}: it can be run; {planned.summary}.")
