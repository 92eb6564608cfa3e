"""`ptychograd reconstruct`: from data files to a result file."""

from pathlib import Path

from ptychograd.cli.options import HelpAll, Json, Options, Preview, plan_of


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
    from ptychograd.cli.each import perform

    perform(plan_of(options, data), preview, json)
