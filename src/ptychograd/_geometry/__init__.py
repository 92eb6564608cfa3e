"""Lengths of an experiment, in metres and in object pixels: an exposure's geometry and a scan's extent."""

from ptychograd._geometry.exposure import (
    JOULES_PER_KEV,
    BraggGeometry,
    Geometry,
    NearFieldGeometry,
    far_field_sampling,
    wavelength_from_kev,
)
from ptychograd._geometry.extent import check_extent, nearest_step, object_shape_needed
from ptychograd._geometry.units import UNITS, format_length, length_unit

__all__ = [
    "JOULES_PER_KEV",
    "UNITS",
    "BraggGeometry",
    "Geometry",
    "NearFieldGeometry",
    "check_extent",
    "far_field_sampling",
    "format_length",
    "length_unit",
    "nearest_step",
    "object_shape_needed",
    "wavelength_from_kev",
]
