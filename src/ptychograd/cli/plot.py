"""`ptychograd plot`: a result as a picture."""

from pathlib import Path

from ptychograd.cli.files import drawn
from ptychograd.cli.options import Output


def plot(result: Path, /, *, output: Output = None) -> None:
    """Draw object, probe and convergence of a result into a PNG file.

    Args:
        result: What `reconstruct` wrote.
        output: The picture; beside the result by default.
    """
    from ptychograd.fitting.result import load
    from ptychograd.output.plot import overview

    path = output or result.with_suffix(".png")
    overview.require_place(path)
    drawn(overview.summary(load(result)), path)
