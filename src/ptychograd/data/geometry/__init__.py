"""Lengths of an experiment, in metres and in object pixels: an exposure's geometry and a scan's extent."""

from ptychograd.data.geometry.exposure import (
    HARDEST,
    BraggGeometry,
    Geometry,
    NearFieldGeometry,
    electron_wavelength,
    far_field_sampling,
    kev_from_wavelength,
    wavelength_from_kev,
)
from ptychograd.data.geometry.extent import bounded, check_extent, nearest_step, object_shape_needed
from ptychograd.data.geometry.units import (
    ANGLES,
    ENERGIES,
    LENGTHS,
    QUANTITIES,
    UNITS,
    format_length,
    in_si,
    length_unit,
    reciprocal,
    unit_size,
)

__all__ = [
    "ANGLES",
    "ENERGIES",
    "HARDEST",
    "LENGTHS",
    "QUANTITIES",
    "UNITS",
    "BraggGeometry",
    "Geometry",
    "NearFieldGeometry",
    "bounded",
    "check_extent",
    "electron_wavelength",
    "far_field_sampling",
    "format_length",
    "in_si",
    "kev_from_wavelength",
    "length_unit",
    "nearest_step",
    "object_shape_needed",
    "reciprocal",
    "unit_size",
    "wavelength_from_kev",
]
