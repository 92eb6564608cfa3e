"""A volume as XDMF, for ParaView; its arrays are beside it."""

from pathlib import Path
from xml.etree import ElementTree

from ptychograd.core.errors import InputError
from ptychograd.data.files import creating, replacing
from ptychograd.output.exporting.marks import FORMAT
from ptychograd.output.exporting.product import Product
from ptychograd.output.exporting.tiff import sides


def arrays_of(path: Path) -> Path:
    """Where the arrays of an .xdmf file are: a name that no measurement has."""
    return path.with_name(path.name + ".h5")


def write(product: Product, path: Path) -> tuple[Path, ...]:
    """Write a volume's channels (z, y, x), with the voxel's sides in micrometres."""
    if not product.is_volume:
        raise InputError(f"{path}: XDMF is for volumes, and this object is made of images; give a name with .tiff.")
    found, arrays = product.channels(), arrays_of(path)
    shape = " ".join(map(str, product.image.shape[::-1]))
    root = ElementTree.Element("Xdmf", Version="3.0")
    grid = ElementTree.SubElement(ElementTree.SubElement(root, "Domain"), "Grid", Name="crystal", GridType="Uniform")
    ElementTree.SubElement(grid, "Topology", TopologyType="3DCoRectMesh", Dimensions=shape)
    place = ElementTree.SubElement(grid, "Geometry", GeometryType="ORIGIN_DXDYDZ")
    for text in ("0 0 0", " ".join(f"{side:.9g}" for side in sides(product)[::-1])):
        ElementTree.SubElement(place, "DataItem", Dimensions="3", NumberType="Float", Format="XML").text = text
    with creating(arrays) as file:
        file.attrs.update(format=FORMAT, unit="um" if product.sampling else "pixel", axes="z, y, x")
        for name, values in found.items():
            file[name] = values.T
            attribute = ElementTree.SubElement(grid, "Attribute", Name=name, AttributeType="Scalar", Center="Node")
            facts = {"Dimensions": shape, "NumberType": "Float", "Precision": "4", "Format": "HDF"}
            ElementTree.SubElement(attribute, "DataItem", facts).text = f"{arrays.name}:/{name}"
    ElementTree.indent(root)
    with replacing(path) as temporary:
        temporary.write_text('<?xml version="1.0"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n", "utf-8")
    return path, arrays
