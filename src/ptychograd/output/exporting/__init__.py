"""Results for other programs, one file a format; what each holds is told in docs/export.md."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ptychograd.core.errors import InputError, check_kind
from ptychograd.data.files import require_replaceable, require_same_type
from ptychograd.fitting.result import Result
from ptychograd.output.exporting import cxi, emd, marks, matlab, mrc, nexus, pictures, ptychodus, ptylab, tiff, xdmf
from ptychograd.output.exporting.product import Product


class Format(NamedTuple):
    """How a format is written, and how a file is known to have been."""

    write: Callable[[Product, Path], tuple[Path, ...]]
    is_ours: Callable[[Path], bool]


TIFF = Format(tiff.write, tiff.is_ours)
FORMATS = {  # by the ending, in small letters
    ".cxi": Format(cxi.write, marks.in_attributes),
    ".h5": Format(ptychodus.write_hdf5, marks.in_attributes),
    ".nxs": Format(nexus.write, marks.in_attributes),
    ".hdf5": Format(ptylab.write, marks.in_attributes),
    ".emd": Format(emd.write, marks.in_attributes),
    ".npz": Format(ptychodus.write_npz, marks.in_archive),
    ".mat": Format(matlab.write, matlab.is_ours),
    ".tif": TIFF,
    ".tiff": TIFF,
    ".png": Format(pictures.write, marks.in_head),
    ".mrc": Format(mrc.write, marks.in_head),
    ".xdmf": Format(xdmf.write, lambda path: True),  # its arrays are known, and are looked at
}


def export(result: Result, path: str | Path, *, crop: str | None = None, remove_ramp: bool = False) -> tuple[Path, ...]:
    """Write a result for other programs, in the form, the names and the units that their readers expect.

    The ending says the format: .cxi (CXI, as ptychodus and cdtools read it), .h5 and .npz (products of ptychodus), .nxs
    (NeXus), .hdf5 (results of PtyLab), .emd (EMD 1.0, as py4DSTEM reads it), .mat (PtychoShelves, fold_slice), .tiff
    (Fiji, napari; an ImageJ hyperstack), .png, .mrc, .xdmf (volumes, for ParaView; its arrays are in NAME.xdmf.h5). The
    first seven hold object, probe, positions and lengths, the others
    the image: magnitude and phase, of a real image its values, and of a crystal with known geometry in .tiff, .mrc and
    .xdmf the strain, which has no unit and is NaN outside of the crystal. What a format can't hold is left out, which
    the log says. What is written is what the model's `roles` name, so that models of one's own are exported too.

    Args:
        result: with an image, slices, states or a crystal.
        path: of the file.
        crop: "illuminated" for the smallest part of the image that holds all that patterns tell of.
        remove_ramp: whether image and probe lose the linear phase that no pattern tells of, and the image its mean
            phase.

    Returns:
        the paths of the files that were written.

    Raises:
        InputError: another ending, an image or a volume that the format has no place for, a file that is there and was
            not exported, or one that can't be written.

    Example:
        >>> [path.name for path in pg.export(result, "object.tiff", crop="illuminated")]
        ['object.tiff']
    """
    check_kind(result, Result, "result")
    path = Path(path)
    product = Product.of(result)
    require_exportable(path)
    if crop not in (None, "illuminated"):
        raise InputError(f'crop="{crop}": expected "illuminated", or None for the whole image.')
    product = product.without_ramp() if remove_ramp else product
    product = product.cropped() if crop is not None else product
    return FORMATS[path.suffix.lower()].write(product, path)


def require_exportable(path: Path) -> None:
    """Raise `InputError` unless an export can be written there that replaces nothing but an export of its type.

    A measured stack of images is a TIFF file too, and stays.
    """
    format = FORMATS.get(path.suffix.lower())
    if format is None:
        known = ", ".join(FORMATS)
        raise InputError(f'"{path.name}" has no known ending; expected one of {known} (a volume for .xdmf).')
    require_same_type(path)
    if path.suffix.lower() == ".xdmf":
        require_replaceable(xdmf.arrays_of(path), marks.FORMAT)
    elif path.exists() and path.stat().st_size and not format.is_ours(path):
        raise InputError(f"{path} is there and was not exported by ptychograd: it would be lost. Give another name.")
