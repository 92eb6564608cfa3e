"""`ptychograd export`: a result for other programs."""

from pathlib import Path
from typing import Literal

from ptychograd.cli.console import output
from ptychograd.cli.placed import leave_unless_there, placed, working_folder


def export(
    result: Path, out: Path, /, *, crop: Literal["illuminated"] | None = None, remove_ramp: bool = False
) -> None:
    """Write object, probe, positions and lengths for other programs; the ending of the name says for which.

    Args:
        result: What `reconstruct` wrote.
        out: A name that ends in .cxi (ptychodus, cdtools), .h5 or .npz (ptychodus, pty-chi), .nxs (NeXus), .hdf5
            (PtyLab), .emd (py4DSTEM), .mat (PtychoShelves), .tiff (Fiji, napari), .png, .mrc, or .xdmf (volumes;
            ParaView).
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

    where = placed(written, out, working_folder())
    for name in names:
        output.print(f"{Path(str(where)).with_name(name)}", soft_wrap=True)
    leave_unless_there(where)
