"""`ptychograd export`: a result for other programs."""

from pathlib import Path
from typing import Literal

from ptychograd.cli.console import say
from ptychograd.cli.files import placed


def export(
    result: Path, out: Path, /, *, crop: Literal["illuminated"] | None = None, remove_ramp: bool = False
) -> None:
    """Write object, probe, positions and lengths for other programs; the ending of the name says for which.

    Args:
        result: What `reconstruct` wrote.
        out: A name that ends in .cxi (ptychodus, cdtools), .h5 or .npz (ptychodus, pty-chi), .nxs (NeXus), .mat
            (PtychoShelves), .tiff (Fiji, napari), .png, .mrc, or .xdmf (volumes; ParaView).
        crop: The part of the object that the scan lit, instead of the whole array.
        remove_ramp: Take the linear phase out of the object, which the probe takes, and the mean phase.
    """
    from ptychograd.fitting.result import load
    from ptychograd.output.exporting import export as write
    from ptychograd.output.exporting import require_exportable

    require_exportable(out)
    found, names = load(result), []

    def written(path: Path) -> None:
        names[:] = [file.name for file in write(found, path, crop=crop, remove_ramp=remove_ramp)]

    where = placed(written, out)
    say(*(str(Path(str(where)).with_name(name)) for name in names))
