"""`ptychograd reconstruct` and `ptychograd run`: from data files, or from a plan in a file, to a result file."""

from pathlib import Path

from ptychograd.cli.each import perform
from ptychograd.cli.options import HelpAll, Json, Options, Preview, RunOptions, plan_of


def reconstruct(
    *data: Path,
    options: Options = Options(),
    preview: Preview = False,
    json: Json = False,
    help_all: HelpAll = False,
) -> None:
    """Reconstruct object and probe of a scan.

    Args:
        data: CXI, HDF5 or NPZ; several files are one scan. By default those of the plan.
    """
    if help_all:
        from ptychograd.cli.all_fields import show_fields

        show_fields()
        return
    perform(plan_of(options, data), preview, json)


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
