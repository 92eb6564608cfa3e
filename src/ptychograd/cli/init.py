"""`ptychograd init`: a plan for data, with what was found in them, what was guessed, and what is advised."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ptychograd.cli.console import errors, output
from ptychograd.cli.options import OPTIONS, PlanOptions, plan_of
from ptychograd.runs.plan.plan import require_replaceable_plan
from ptychograd.runs.plan.toml import require_toml, save
from ptychograd.runs.plan.toml_text import Page

if TYPE_CHECKING:
    from ptychograd.automatic import Proposal

TITLE = (
    "A plan of ptychograd: `ptychograd run {}` performs it. A line that begins with # says what is there by default."
)


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

    _check_output(to)
    asked = plan_of(options, [data, *more])
    prepare(asked.machine.precision)
    if not trial:
        proposal = propose(asked)
    else:
        from ptychograd.cli.progress import ShareBar

        with ShareBar("orientations") as bar:
            proposal = propose(
                asked, trial=True, on_trial=lambda code, r_factor: bar.advance(1 / 8, f"{code}: R {r_factor:.4f}")
            )
    save(proposal.plan, to, _page(proposal, to))
    _tell(proposal, to)


def _page(proposal: "Proposal", to: Path) -> Page:
    frequent = [*(option.path for option in OPTIONS), "geometry.energy", "geometry.pixel_size"]
    notes = {**proposal.notes, "": [TITLE.format(to.name)]}
    return Page(notes, frequent, proposal.found)


def _check_output(path: Path) -> None:
    """Refuse before looking a name at which no plan can be written, or at which something else is."""
    from ptychograd.data.files import require_writable

    require_toml(path)
    require_writable(path)
    require_replaceable_plan(path)
    if path.exists():
        errors.print(f"{path} will be replaced", style="dim", soft_wrap=True)


def _tell(proposal: "Proposal", to: Path) -> None:
    """What is to be done next."""
    lines = [text for several in proposal.notes.values() for text in several]
    marks = {word: sum(text.startswith(word) for text in lines) for word in ("MISSING", "GUESSED", "BAD", "DOUBTFUL")}
    found = ", ".join(f"{count} {word}" for word, count in marks.items() if count)
    output.print(f"{to}: a plan for {', '.join(proposal.plan.data.paths)}.", soft_wrap=True)
    if found:
        output.print(f"Look there for what is marked: {found}.", soft_wrap=True)
    output.print(f"Then: ptychograd run {to}", soft_wrap=True)
