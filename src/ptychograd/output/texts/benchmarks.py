"""How long steps take, in lines for a person."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ptychograd.core.table import text_table

if TYPE_CHECKING:
    from ptychograd.runs.benchmark import Case


def case_lines(case: "Case", floor: dict, solvers: dict) -> Iterator[str]:
    """A case, its Fourier transforms by each library, and the table of solvers."""
    fastest = min(floor, key=lambda name: floor[name])
    pixels = f"{case.frame} x {case.frame} pixels"
    yield f"\n{case.regime}, {pixels}, batches of {case.batch_size} of {case.count} patterns"
    yield f"{case.transforms} transforms: " + ", ".join(f"{name} {1e3 * s:.4f} ms" for name, s in floor.items())
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
    yield from text_table(columns, rows)


def machine_line(report: Mapping) -> str:
    """The machine on which they were measured."""
    return "\n" + ", ".join(f"{name} {value}" for name, value in report["machine"].items())
