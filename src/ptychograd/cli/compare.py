"""`ptychograd compare`: a reconstruction against the truth it was simulated from."""

from pathlib import Path

import ptychograd as pg
from ptychograd.cli.console import say, tell_json
from ptychograd.cli.options import Json, ResultFile
from ptychograd.output import texts


def compare(result: ResultFile, truth: Path, /, *, json: Json = False) -> None:
    """Compare object and probe with the ground truth: NRMSE after registration and best complex scale.

    Args:
        truth: The simulated data file, which holds the truth.
    """
    figures = pg.quality.compare_with_truth(pg.load(result), pg.read(truth, allow_masked=True))
    if json:
        tell_json(figures)
    else:
        say(*texts.figure_lines(figures))
