"""`ptychograd inspect`: what a file was understood to hold."""

from pathlib import Path

from ptychograd.cli._console import output
from ptychograd.cli._options import Keys, pairs


def inspect(file: Path, /, *, key: Keys = None) -> None:
    """Show what is in a data file: patterns, geometry, scan, overlap, photons, mask, and what is missing.

    Args:
        file: CXI, HDF5 or NPZ.
    """
    from rich.table import Table

    from ptychograd._describe import describe
    from ptychograd._files import read

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for label, text in describe(read(file, pairs(key, "key"))):
        table.add_row(label, text)
    output.print(table)
