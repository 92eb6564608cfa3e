"""`ptychograd export`: a result's object for other programs."""

from pathlib import Path

from ptychograd.cli._console import output


def export(result: Path, out: Path, /) -> None:
    """Write magnitude, phase and, of a crystal, strain along the scattering vector for Fiji, napari or ParaView.

    Args:
        result: What `reconstruct` wrote.
        out: A name that ends in .tiff (images and volumes; Fiji, napari) or .xdmf (volumes; ParaView).
    """
    from ptychograd._export import export as write
    from ptychograd._result import load

    for path in write(load(result), out):
        output.print(f"{path}", soft_wrap=True)
