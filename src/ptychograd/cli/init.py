"""`ptychograd init`: a plan for data, with what was found in them, what was guessed, and what is advised."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import ptychograd as pg
from ptychograd.cli import engine
from ptychograd.cli.console import note, say
from ptychograd.cli.options import OPTIONS, Data, More, PlanOptions, plan_of
from ptychograd.cli.progress import ShareBar
from ptychograd.output import texts


def init(
    data: Data,
    /,
    *more: More,
    to: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("run.toml"),
    trial: bool = False,
    options: PlanOptions = PlanOptions(),
) -> None:
    """Look at data and write a plan for them, which you change and perform with `ptychograd run`.

    Args:
        to: The plan, a name that ends in .toml.
        trial: Find the start probe, and how positions lie to patterns, by short reconstructions, as `auto` does.
    """
    from ptychograd.runs.plan.plan import require_place
    from ptychograd.runs.plan.toml import save

    require_place(to)
    note(f"{to} will be replaced" if to.exists() else "")
    asked = plan_of(options, [data, *more])
    engine.prepare(asked.machine.precision)
    with ShareBar("starts") if trial else nullcontext() as bar:
        proposal = pg.automatic.propose(asked, trial=trial, on_trial=bar and bar.start_trial)
    save(proposal.plan, to, texts.page(proposal, to, [option.path for option in OPTIONS]))
    say(*texts.proposal_lines(proposal, to))
