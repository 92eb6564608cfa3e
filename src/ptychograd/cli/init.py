"""`ptychograd init`: a plan for data, with what was found in them, what was guessed, and what is advised."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ptychograd.cli.console import note, say
from ptychograd.cli.options import OPTIONS, PlanOptions, plan_of
from ptychograd.runs.plan.plan import require_place
from ptychograd.runs.plan.toml import save


def init(
    data: Path,
    /,
    *more: Path,
    to: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("run.toml"),
    trial: bool = False,
    options: PlanOptions = PlanOptions(),
) -> None:
    """Look at data and write a plan for them, which you change and perform with `ptychograd run`.

    Args:
        data: CXI, HDF5 or NPZ.
        more: Further files of the same scan.
        to: The plan, a name that ends in .toml.
        trial: Find out how positions lie to patterns, by short reconstructions in the eight orientations.
    """
    from ptychograd.automatic import propose
    from ptychograd.cli.engine import prepare
    from ptychograd.cli.progress import ShareBar
    from ptychograd.output.texts.proposals import page, proposal_lines

    require_place(to)
    note(f"{to} will be replaced" if to.exists() else "")
    asked = plan_of(options, [data, *more])
    prepare(asked.machine.precision)
    if not trial:
        proposal = propose(asked)
    else:
        with ShareBar("orientations") as bar:
            proposal = propose(asked, trial=True, on_trial=bar.trial)
    save(proposal.plan, to, page(proposal, to, [option.path for option in OPTIONS]))
    say(*proposal_lines(proposal, to))
