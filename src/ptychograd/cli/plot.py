"""`ptychograd plot`: a result as a picture."""

from pathlib import Path

from ptychograd.cli.options import Output
from ptychograd.cli.placed import leave_unless_there, working_folder


def plot(result: Path, /, *, output: Output = None) -> None:
    """Draw object, probe and convergence of a result into a PNG file.

    Args:
        result: What `reconstruct` wrote.
        output: The picture; beside the result by default.
    """
    from ptychograd.cli.pictures import drawn, require_picture
    from ptychograd.fitting.result import load
    from ptychograd.output.plot import summary

    path = output or result.with_suffix(".png")
    require_picture(path)
    leave_unless_there(drawn(summary(load(result)), path, working_folder()))
