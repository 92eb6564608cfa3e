"""`ptychograd export`: a result for other programs."""

from pathlib import Path
from typing import Literal

import ptychograd as pg
from ptychograd.cli.console import say
from ptychograd.cli.files import placed
from ptychograd.cli.options import ResultFile


def export(
    result: ResultFile, out: Path, /, *, crop: Literal["illuminated"] | None = None, remove_ramp: bool = False
) -> None:
    """Write object, probe, positions and lengths for other programs; the ending of the name says for which.

    Args:
        out: A name that ends in .cxi (ptychodus, cdtools), .h5 or .npz (ptychodus, pty-chi), .nxs (NeXus), .hdf5
            (PtyLab), .emd (py4DSTEM), .mat (PtychoShelves), .tiff (Fiji, napari), .png, .mrc, or .xdmf (volumes;
            ParaView).
        crop: The part of the object that the scan lit, instead of the whole array.
        remove_ramp: Take the linear phase out of the object, which the probe takes, and the mean phase.
    """
    from ptychograd.output.exporting import require_exportable

    require_exportable(out)
    found, names = pg.load(result), []

    def written(path: Path) -> None:
        names[:] = [file.name for file in pg.export(found, path, crop=crop, remove_ramp=remove_ramp)]

    where = placed(written, out)
    say(*(str(Path(str(where)).with_name(name)) for name in names))
