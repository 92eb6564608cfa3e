"""`ptychograd export`: a result's object for other programs."""

from pathlib import Path

from ptychograd.cli.console import output
from ptychograd.cli.placed import leave_unless_there, placed, working_folder


def export(result: Path, out: Path, /) -> None:
    """Write magnitude, phase and, of a crystal, strain along the scattering vector for Fiji, napari or ParaView.

    Args:
        result: What `reconstruct` wrote.
        out: A name that ends in .tiff (images and volumes; Fiji, napari) or .xdmf (volumes; ParaView).
    """
    from ptychograd.fitting.result import load
    from ptychograd.output.exporting import export as write
    from ptychograd.output.exporting import require_exportable

    require_exportable(out)
    found, names = load(result), []

    def written(path: Path) -> None:
        names[:] = [file.name for file in write(found, path)]

    where = placed(written, out, working_folder())
    for name in names:
        output.print(f"{Path(str(where)).with_name(name)}", soft_wrap=True)
    leave_unless_there(where)
