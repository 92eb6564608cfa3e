"""`ptychograd compare`: a reconstruction against the truth it was simulated from."""

from pathlib import Path

from ptychograd.cli.console import say, tell_json
from ptychograd.cli.options import Json


def compare(result: Path, truth: Path, /, *, json: Json = False) -> None:
    """Compare object and probe with the ground truth: NRMSE after registration and best complex scale.

    Args:
        result: What `reconstruct` wrote.
        truth: The simulated data file, which holds the truth.
    """
    from ptychograd.data.files import read
    from ptychograd.fitting.result import load
    from ptychograd.output.texts.comparisons import figure_lines
    from ptychograd.quality.comparison import compare_with_truth

    figures = compare_with_truth(load(result), read(truth, allow_masked=True))
    if json:
        tell_json(figures)
        return
    say(*figure_lines(figures))
