"""`ptychograd inspect`: what a file was understood to hold, and how much memory its reconstruction will take."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ptychograd.cli.console import errors, output
from ptychograd.cli.headings import READ
from ptychograd.cli.machine import Devices, Machine
from ptychograd.cli.needs import without_effect
from ptychograd.cli.options import Options
from ptychograd.cli.result_page import is_result, result_lines
from ptychograd.core.errors import InputError

if TYPE_CHECKING:
    from ptychograd.runs.memory_plan import MemoryPlan


def inspect(
    file: Path,
    /,
    *,
    plan: Annotated[bool, Parameter(negative="")] = False,
    devices: Devices = "all",
    memory: str | None = None,
    options: Options = Options(),  # noqa: B008
) -> None:
    """Show what is in a data file: patterns, geometry, scan, overlap, photons, mask, and what is missing.

    Of a result it shows the data, model, epochs, R and verdict, and which commands to go on with.

    Args:
        file: CXI, HDF5 or NPZ; or a result.
        plan: Say also how much memory `reconstruct` will take, part by part. All options of `reconstruct` can be given
            beside it, as --modes 3.
        devices: For --plan: how many devices share every batch.
        memory: For --plan: the most that patterns may take, as 4GB; more stay in their file.
    """
    from ptychograd.cli import machine as _machine
    from ptychograd.cli.engine import require_devices
    from ptychograd.cli.plan import read_file
    from ptychograd.data.description import describe

    if is_result(file):
        if plan:
            raise InputError(f"{file} is a result; --plan is for data.")
        _show(result_lines(file))
        return
    options = replace(options, allow_masked=True)  # it says what is valid
    if not plan:
        if unused := without_effect(options, READ):
            errors.print(f"{', '.join(unused)}: without effect here but for --plan", style="dim", soft_wrap=True)
        require_devices()
        _show(describe(read_file(file, options, _machine.in_file(Machine(devices, memory)))))
        return
    _show(_planned(file, options, Machine(devices, memory)))


def _planned(file: Path, options: Options, machine: Machine) -> list[tuple[str, str]]:
    """What is in the file, and the parts of the memory plan."""
    from ptychograd.cli import machine as _machine
    from ptychograd.cli.plan import make_run, make_solver, read_file
    from ptychograd.data.description import describe
    from ptychograd.runs.memory_plan import memory_plan
    from ptychograd.runs.run import possible_tasks

    _machine.start(machine, options.precision)
    make_solver(options)
    data = read_file(file, options, _machine.in_file(machine))
    shared = tuple(_machine.devices(machine))
    plan = memory_plan([task._replace(devices=shared) for task in possible_tasks(make_run(options, data))])
    return [*describe(data), *_lines(plan)]


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
        table.add_row(label, text)
    output.print(table)
