"""`ptychograd bench`: how fast this machine is."""

import json as json_format
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ptychograd.cli.console import errors
from ptychograd.cli.console import output as console
from ptychograd.cli.placed import leave_unless_there, placed, working_folder
from ptychograd.core.errors import InputError
from ptychograd.core.table import as_json


def bench(
    *,
    quick: Annotated[bool, Parameter(negative="")] = False,
    rounds: int = 7,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
) -> None:
    """Time a step of every solver, beside the Fourier transforms of a batch by the fastest library at hand.

    Args:
        quick: Fewer and smaller cases.
        rounds: Each time is the median of so many.
        output: A JSON file for all numbers.
    """
    from ptychograd.runs.machine import require_devices

    require_devices()
    folder = working_folder()
    from ptychograd.runs.benchmark import CASES, QUICK, bench

    if rounds < 1:
        raise InputError(f"{rounds} rounds; expected 1 or more.")
    if output is not None:
        if output.suffix != ".json":
            raise InputError(f"{output} is to be a JSON file; expected a name that ends in .json.")
        _require_report(output)

    errors.print("Anything else that runs meanwhile makes the times longer.", style="dim")
    report = bench(QUICK if quick else CASES, rounds, _print_case)
    console.print("\n" + ", ".join(f"{name} {value}" for name, value in report["machine"].items()), soft_wrap=True)
    if output is not None:
        leave_unless_there(placed(partial(_write, as_json(report, indent=1) + "\n"), output, folder))


def _write(text: str, path: Path) -> None:
    from ptychograd.data.files import replacing

    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _require_report(path: Path) -> None:
    """Refuse to replace what is no report of this command."""
    from ptychograd.data.files import require_writable

    require_writable(path)
    if not path.exists():
        return
    try:
        found = json_format.loads(path.read_bytes() or b'{"cases": []}')
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or "cases" not in found:
        raise InputError(
            f"{path} is there and is no report of `ptychograd bench`: it would be lost. Give another name."
        )


def _print_case(case, floor: dict, solvers: dict) -> None:
    from ptychograd.core.table import text_table

    fastest = min(floor, key=lambda name: floor[name])
    pixels = f"{case.frame} x {case.frame} pixels"
    console.print(f"\n{case.regime}, {pixels}, batches of {case.batch_size} of {case.count} patterns")
    console.print(
        f"{case.transforms} transforms: " + ", ".join(f"{name} {1e3 * s:.4f} ms" for name, s in floor.items())
    )
    columns = ("", "ms a step", "patterns/s", f"x {fastest}", "compiled in s", "MiB")
    rows = [
        (
            name,
            f"{1e3 * t['step']:.4f}",
            f"{t['patterns_per_second']:,.0f}",
            f"{t['of_floor']:.2f}",
            f"{t['compilation']:.1f}",
            f"{t['memory'] / 2**20:.0f}",
        )
        for name, t in solvers.items()
    ]
    console.print("\n".join(text_table(columns, rows)), soft_wrap=True)
