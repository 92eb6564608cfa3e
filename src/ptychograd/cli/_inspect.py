"""`ptychograd inspect`: what a file was understood to hold."""

from pathlib import Path

from ptychograd.cli._console import output
from ptychograd.cli._options import Keys, LinksInto, Model, Options


def inspect(
    file: Path,
    /,
    *,
    model: Model = None,
    focus_distance: float | None = None,
    distance: float | None = None,
    key: Keys = None,
    links_into: LinksInto = None,
) -> None:
    """Show what is in a data file: patterns, geometry, scan, overlap, photons, mask, and what is missing.

    Args:
        file: CXI, HDF5 or NPZ.
        model: far-field, or near-field for shadows of the sample; by default what the file says, else far-field.
        focus_distance: For a near field in a cone beam: metres from focus to sample.
        distance: Metres from sample to detector, in place of the file's.
    """
    from rich.table import Table

    from ptychograd._describe import describe
    from ptychograd.cli._plan import read_file

    options = Options(model, focus_distance, distance, key=key, links_into=links_into)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for label, text in describe(read_file(file, options)):
        table.add_row(label, text)
    output.print(table)
