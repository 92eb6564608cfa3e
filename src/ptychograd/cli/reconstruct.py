"""`ptychograd reconstruct`: from a data file to a result file."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ptychograd.cli.checkpoints import Keeping
from ptychograd.cli.follow import Following
from ptychograd.cli.held import check_share
from ptychograd.cli.machine import Machine
from ptychograd.cli.options import Json, Options


def reconstruct(
    data: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    options: Options = Options(),  # noqa: B008
    keeping: Keeping = Keeping(),  # noqa: B008
    machine: Machine = Machine(),  # noqa: B008
    following: Following = Following(),  # noqa: B008
    json: Json = False,
) -> None:
    """Reconstruct object and probe of a scan.

    Args:
        data: CXI, HDF5 or NPZ; `ptychograd inspect` shows how it is understood.
        output: The result file; DATA_result.h5 in the working folder by default.
    """
    from ptychograd.cli.job import Job, run

    check_share(options)
    run(Job(data, output, options, keeping, machine, following), json)
