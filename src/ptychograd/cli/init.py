"""`ptychograd init`: a plan for data, with what was found in them, what was guessed, and what is advised."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ptychograd.cli.console import errors, output
from ptychograd.cli.options import OPTIONS, PlanOptions, plan_of
from ptychograd.runs.plan.plan import require_replaceable_plan
from ptychograd.runs.plan.toml import require_toml, save

if TYPE_CHECKING:
    pass


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
    from ptychograd.output.texts.proposals import page, proposal_lines

    _check_output(to)
    asked = plan_of(options, [data, *more])
    prepare(asked.machine.precision)
    if not trial:
        proposal = propose(asked)
    else:
        from ptychograd.cli.progress import ShareBar

        with ShareBar("orientations") as bar:
            proposal = propose(asked, trial=True, on_trial=bar.trial)
    save(proposal.plan, to, page(proposal, to, [option.path for option in OPTIONS]))
    for text in proposal_lines(proposal, to):
        output.print(text, soft_wrap=True)


def _check_output(path: Path) -> None:
    """Refuse before looking a name at which no plan can be written, or at which something else is."""
    from ptychograd.data.files import require_writable

    require_toml(path)
    require_writable(path)
    require_replaceable_plan(path)
    if path.exists():
        errors.print(f"{path} will be replaced", style="dim", soft_wrap=True)
