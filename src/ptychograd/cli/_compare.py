"""`ptychograd compare`: a reconstruction against the truth it was simulated from."""

from pathlib import Path

from ptychograd._table import as_json
from ptychograd.cli._console import output
from ptychograd.cli._options import Json
from ptychograd.cli._positions import unit_of


def compare(result: Path, truth: Path, /, *, json: Json = False) -> None:
    """Compare object and probe with the ground truth: NRMSE after registration and best complex scale.

    Args:
        result: What `reconstruct` wrote.
        truth: The simulated data file, which holds the truth.
    """
    from ptychograd._compare import compare_with_truth
    from ptychograd._files import read
    from ptychograd._result import load

    figures = compare_with_truth(load(result), read(truth))
    if json:
        output.print(as_json(figures), soft_wrap=True)
        return
    for name, value in figures.items():
        output.print(f"{name:26s} {value:.4g} {unit_of(name)}".rstrip(), soft_wrap=True)
