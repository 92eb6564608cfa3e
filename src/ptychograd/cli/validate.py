"""`ptychograd validate`: whether a plan can be performed, found out without performing it."""

from pathlib import Path

from ptychograd.cli.console import say, sentence_of, warn
from ptychograd.cli.job import begun
from ptychograd.cli.options import Typed, plan_of
from ptychograd.core.errors import InputError


def validate(plan: Path, /) -> None:
    """Read a plan, check its fields, and make its model and stages if the data are there; nothing is reconstructed.

    Args:
        plan: A plan (.toml), as `ptychograd init` writes one.
    """
    from ptychograd.runs.plan.reading import absent_files

    asked = plan_of(Typed(), file=plan)
    if 0 < len(absent := absent_files(asked)) == len(asked.data.paths):
        asked.check()
        say(f"{plan}: its fields are right.")
        warn(sentence_of(InputError(f"{', '.join(absent)}: not there, so the data were not looked at")))
        return
    job = begun(asked)
    (planned := job.planned(job.read(), None)).check()
    say(f"{plan}: it can be run; {planned.summary}.")
