"""Objects as volumes and images for other programs: TIFF for Fiji and napari, XDMF for ParaView."""

import struct
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import tifffile
from jaxtyping import Float

from ptychograd.core.errors import InputError, check_kind
from ptychograd.data.files import creating, replacing, require_replaceable, require_same_type
from ptychograd.data.geometry import BraggGeometry
from ptychograd.fitting.result import Result
from ptychograd.quality.lattice_strain import strain

FORMAT = "ptychograd export"  # of the arrays beside an .xdmf file
XDMF = ".xdmf"
ENDINGS = (".tif", ".tiff", XDMF)
CHANNELS, REAL = ("magnitude", "phase"), "values"  # with which every export begins, that of a real image

Channels = dict[str, Float[np.ndarray, "..."]]


def channels(result: Result) -> Channels:
    """Magnitude and phase of the image; of a crystal with known geometry, strain along the scattering vector too.

    Of a real image its values.
    """
    if not np.iscomplexobj(result.object):
        return {REAL: result.object.astype(np.float32)}
    found = {"magnitude": np.abs(result.object), "phase": np.angle(result.object)}
    vector = _scattering_vector(result)
    if vector is not None and result.sampling is not None:
        found["strain"] = strain(result.object, result.sampling, vector)
    return {name: values.astype(np.float32) for name, values in found.items()}


def _scattering_vector(result: Result) -> Float[np.ndarray, "3"] | None:
    geometry = result.settings.get("geometry") or {}
    if result.object.ndim != 3 or "rocking" not in geometry:
        return None
    angles = geometry["two_theta"], tuple(geometry["rocking"])
    known = BraggGeometry(geometry["wavelength"], geometry["distance"], tuple(geometry["pixel_size"]), *angles)
    return known.scattering_vector


def export(result: Result, path: str | Path) -> tuple[Path, ...]:
    """Write the object of a result for other programs: as TIFF for Fiji and napari, or as XDMF for ParaView.

    Channels are magnitude and phase, of a real image its values, and of a crystal with known geometry the strain, which
    has no unit and is NaN outside of the crystal. A .tiff is an ImageJ hyperstack, with slices or states one after
    another. XDMF is for volumes; the arrays of NAME.xdmf are beside it, in NAME.xdmf.h5. Volumes are stored (z, y, x),
    with the voxel's sides in micrometres.

    Args:
        result: with an image, slices, states or a crystal.
        path: of the file, whose ending says the format: .tif, .tiff or .xdmf.

    Returns:
        the paths of the files that were written.

    Raises:
        InputError: another ending, an image as XDMF, a file that is there and is no export, or one that can't be
            written.

    Example:
        >>> [path.name for path in pg.export(result, "object.tiff")]
        ['object.tiff']
    """
    check_kind(result, Result, "result")
    path = Path(path)
    layered, axes = _is_layered(result), 2 if result.roles.image is None else len(result.roles.image.axes)
    known = axes if result.sampling is None else len(result.sampling)
    if result.object.ndim not in (2, 3) or not axes + layered == result.object.ndim == known + layered:
        raise InputError(
            f"An object of {result.object.shape} with pixels of {result.sampling} m is no image or crystal."
        )
    require_exportable(path)
    if path.suffix.lower() != XDMF:
        return _tiff(result, path)
    if result.object.ndim != 3 or layered:
        raise InputError(f"{path}: XDMF is for volumes, and this object is made of images; give a name with .tiff.")
    return _xdmf(result, path)


def require_exportable(path: Path) -> None:
    """Raise `InputError` unless an export can be written there that replaces nothing but an export of its type.

    A measured stack of images is a TIFF file too, and stays.
    """
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f'"{path.name}" has no known ending; expected .tiff, or .xdmf for a crystal.')
    require_same_type(path)
    if path.suffix.lower() == XDMF:
        require_replaceable(_arrays_of(path), FORMAT)
    elif path.exists() and path.stat().st_size and not _is_ours(path):
        raise InputError(f"{path} is there and was not exported by ptychograd: it would be lost. Give another name.")


def _is_ours(path: Path) -> bool:
    """Whether a TIFF file has the channels that are exported."""
    try:
        with tifffile.TiffFile(path) as file:
            labels = (file.imagej_metadata or {}).get("Labels") or []
    except (tifffile.TiffFileError, OSError, ValueError, struct.error):
        return False
    return list(labels[: len(CHANNELS)]) == list(CHANNELS) or list(labels[:1]) == [REAL]


def _arrays_of(path: Path) -> Path:
    """Where the arrays of an .xdmf file are: a name that no measurement has."""
    return path.with_name(path.name + ".h5")


def _micrometres(result: Result) -> tuple[float, ...]:
    """Sides of a pixel in the order of its axes; 1, in pixels, where no length is known."""
    image = result.roles.image
    count = 2 if image is None else len(image.axes)
    return tuple(1e6 * side for side in result.sampling) if result.sampling else (1.0,) * count


def _is_layered(result: Result) -> bool:
    """Whether the image is made of slices or states."""
    return result.roles.image is not None and bool(result.roles.image.layers)


def _spacing(result: Result) -> float:
    """From one slice to the next in metres; a micrometre for what is no slice."""
    spacing = None if result.roles.image is None else result.roles.image.spacing
    return 1e-6 if spacing is None else float(spacing)


def _bounds(values: Float[np.ndarray, "..."]) -> tuple[float, float]:
    """Between which values a channel is shown."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _tiff(result: Result, path: Path) -> tuple[Path, ...]:
    found, sides = channels(result), _micrometres(result)
    volume, layered = result.object.ndim == 3, len(sides) < result.object.ndim
    if layered:
        stack = np.stack(list(found.values()), axis=1)  # slice, channel, y, x
        row, column = sides
    elif volume:
        stack = np.stack([values.T for values in found.values()], axis=1)  # z, channel, y, x
        row, column = sides[1], sides[0]
    else:
        stack = np.stack(list(found.values()))
        row, column = sides
    depth = 1e6 * _spacing(result) if layered else sides[-1]
    facts = {
        "Ranges": tuple(bound for values in found.values() for bound in _bounds(values)),
        "axes": "ZCYX" if volume else "CYX",
        "unit": "um" if result.sampling else "pixel",
        "Labels": list(found) * (stack.shape[0] if volume else 1),
        "mode": "grayscale",
        **({"spacing": depth} if volume else {}),
    }
    with replacing(path) as temporary:
        tifffile.imwrite(temporary, stack, imagej=True, resolution=(1 / column, 1 / row), metadata=facts)
    return (path,)


def _xdmf(result: Result, path: Path) -> tuple[Path, ...]:
    found, sides = channels(result), _micrometres(result)
    arrays = _arrays_of(path)
    shape = " ".join(map(str, result.object.shape[::-1]))
    root = ElementTree.Element("Xdmf", Version="3.0")
    grid = ElementTree.SubElement(ElementTree.SubElement(root, "Domain"), "Grid", Name="crystal", GridType="Uniform")
    ElementTree.SubElement(grid, "Topology", TopologyType="3DCoRectMesh", Dimensions=shape)
    place = ElementTree.SubElement(grid, "Geometry", GeometryType="ORIGIN_DXDYDZ")
    for text in ("0 0 0", " ".join(f"{side:.9g}" for side in sides[::-1])):
        ElementTree.SubElement(place, "DataItem", Dimensions="3", NumberType="Float", Format="XML").text = text
    with creating(arrays) as file:
        file.attrs.update(format=FORMAT, unit="um" if result.sampling else "pixel", axes="z, y, x")
        for name, values in found.items():
            file[name] = values.T
            attribute = ElementTree.SubElement(grid, "Attribute", Name=name, AttributeType="Scalar", Center="Node")
            facts = {"Dimensions": shape, "NumberType": "Float", "Precision": "4", "Format": "HDF"}
            ElementTree.SubElement(attribute, "DataItem", facts).text = f"{arrays.name}:/{name}"
    ElementTree.indent(root)
    with replacing(path) as temporary:
        temporary.write_text('<?xml version="1.0"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n", "utf-8")
    return path, arrays
