"""`ptychograd plot`: a result as a picture."""

import ptychograd as pg
from ptychograd.cli.files import drawn
from ptychograd.cli.options import Output, ResultFile


def plot(result: ResultFile, /, *, output: Output = None) -> None:
    """Draw object, probe and convergence of a result into a PNG file.

    Args:
        output: The picture; beside the result by default.
    """

    path = output or result.with_suffix(".png")
    pg.plot.require_place(path)
    drawn(pg.plot.summary(pg.load(result)), path)
