"""`ptychograd plot`: a result as a picture."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ptychograd.cli._console import output as console


def plot(result: Path, /, *, output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None) -> None:
    """Draw object, probe and convergence of a result into a PNG file.

    Args:
        result: What `reconstruct` wrote.
        output: The picture; beside the result by default.
    """
    from ptychograd._result import load
    from ptychograd.plot import save, summary

    path = output or result.with_suffix(".png")
    save(summary(load(result)), path)
    console.print(f"{path}")
