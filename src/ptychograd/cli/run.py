"""`ptychograd run`: from a plan in a file to a result file."""

from pathlib import Path

from ptychograd.cli.each import perform
from ptychograd.cli.options import Json, Preview, RunOptions, plan_of


def run(
    plan: Path,
    /,
    *,
    options: RunOptions = RunOptions(),
    preview: Preview = False,
    json: Json = False,
) -> None:
    """Reconstruct as a plan in a file asks for.

    Args:
        plan: A plan (.toml), as `ptychograd init` writes one.
    """
    perform(plan_of(options, file=plan), preview, json)
