"""Figures into files, whole or not at all."""

from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd._errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 110


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure in the format that the name's ending says."""
    from ptychograd._files import replacing

    known = figure.canvas.get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in known:
        raise InputError(f'"{path.name}" has no ending of a picture; expected .{", .".join(sorted(known))}.')
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH)
