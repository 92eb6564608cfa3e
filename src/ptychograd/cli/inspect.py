"""`ptychograd inspect`: what a file was understood to hold, and how much memory its reconstruction will take."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ptychograd.cli.console import errors, output
from ptychograd.cli.headings import READ
from ptychograd.cli.options import PlanOptions, plan_of, without_effect
from ptychograd.cli.wording import worded
from ptychograd.core.errors import InputError
from ptychograd.core.table import text_table
from ptychograd.output.texts.results import is_result, result_lines
from ptychograd.runs.plan.plan import Plan

if TYPE_CHECKING:
    from ptychograd.runs.memory_plan import MemoryPlan


def inspect(
    file: Path,
    /,
    *more: Path,
    memory_plan: Annotated[bool, Parameter(negative="")] = False,
    options: PlanOptions = PlanOptions(),
) -> None:
    """Show what is in a data file: patterns, geometry, scan, overlap, photons, mask, and what is missing.

    Of a result it shows the data, model, epochs, R and verdict, and which commands to go on with.

    Args:
        file: CXI, HDF5 or NPZ; or a result.
        more: Further files of the same scan.
        memory_plan: Say also how much memory `reconstruct` will take, part by part. All options of `reconstruct` can be
            given beside it, as --modes 3.
    """
    from ptychograd.cli import machine as _machine
    from ptychograd.cli.engine import require_devices
    from ptychograd.data.description import describe

    if is_result(file):
        if memory_plan:
            raise InputError(f"{file} is a result; --memory-plan is for data.")
        _show(result_lines(file))
        return
    plan = plan_of(options, [file, *more]).with_fields({"data.mask.allow_most": True})  # it says what is valid
    if not memory_plan:
        if unused := without_effect(options, READ):
            errors.print(f"{', '.join(unused)}: without effect here but for --memory-plan", style="dim", soft_wrap=True)
        require_devices()
        try:
            data = plan.read(_machine.in_file(plan.machine))
        except InputError:
            _show_contents(plan)
            raise
        _show(describe(data))
        return
    from ptychograd.runs.planned import PlannedRun

    _machine.start(plan.machine)
    plan.check()
    data = plan.read(_machine.in_file(plan.machine))
    planned = PlannedRun.of(plan, data, _machine.devices(plan.machine))
    _show([*describe(data), *_lines(planned.memory)])


def _show_contents(plan: Plan) -> None:
    """What the first file holds, and the keys that it needs; nothing of one that can't be opened."""
    from ptychograd.data.contents import contents
    from ptychograd.runs.plan.reading import keys_of

    path = Path(plan.data.paths[0])
    try:
        there = contents(path, keys_of(plan), plan.data.links_into)
    except InputError:
        return
    keys = list(there.needed())
    if not keys:
        return
    columns = ("array", "shape", "type", "value", "unit")
    given = " ".join(f"--key {name}={key}" for name, key, _ in keys)
    output.print("\n".join(text_table(columns, [one.cells for one in there.arrays])))
    output.print(f"\nmissing; to be given as: {given}", soft_wrap=True)
    for name, _, reason in keys:
        output.print(f"  {name}: {f'guessed {reason}; check it' if reason else 'nothing there is called so'}")


def _lines(plan: "MemoryPlan") -> list[tuple[str, str]]:
    """Every part of a plan, and what it comes to."""
    from ptychograd.runs.memory_plan import size

    lines = []
    for place, where in ((plan.host, ""), (plan.device, " on each device")):
        if place is None:
            continue
        free = "" if place.free is None else f", and {size(place.free)} are free"
        there = f"{size(place.taken)} of them are taken by now{free}" if place.taken else free.removeprefix(", and ")
        fits = "" if place.fits else " (too much)"
        lines.append((f"memory{where}", f"about {size(place.total)}{fits}; {there}"))
        lines += [(f"  {name}", size(number)) for name, number in place.parts.items()]
    return lines


def _show(lines: list[tuple[str, str]]) -> None:
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for label, text in lines:
        table.add_row(label, worded(text))
    output.print(table)
