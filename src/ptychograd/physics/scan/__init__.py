"""The scan: where the window of each pattern lies on the object."""

from ptychograd.physics.scan.affine import AffineParts, affine_of, affine_parts
from ptychograd.physics.scan.base import WHOLE_PIXEL_TOLERANCE, AbstractScan, SubPixelScan, WholePixelScan, make_scan
from ptychograd.physics.scan.refinable import (
    TERMS,
    RefinableScan,
    RoundedScan,
    affine_fit,
    corrections_of,
    refinable,
)

__all__ = [
    "TERMS",
    "WHOLE_PIXEL_TOLERANCE",
    "AbstractScan",
    "AffineParts",
    "RefinableScan",
    "RoundedScan",
    "SubPixelScan",
    "WholePixelScan",
    "affine_fit",
    "affine_of",
    "affine_parts",
    "corrections_of",
    "make_scan",
    "refinable",
]
