"""Measured patterns and all that belongs to them, in memory or in their file."""

from ptychograd._dataset.arrival import Arrival, Counter, Whole
from ptychograd._dataset.dataset import (
    BraggGeometry,
    Dataset,
    Geometry,
    NearFieldGeometry,
    Truth,
    check_data,
    check_extent,
    far_field_sampling,
    make_dataset,
    object_shape_needed,
    positions_in_pixels,
    squared,
)
from ptychograd._dataset.freezing import frozen
from ptychograd._dataset.masking import beam_stop, below, masked
from ptychograd._dataset.part import subset
from ptychograd._dataset.stored import InFile, StoredPatterns, Survey, added
from ptychograd._dataset.valid import MEANINGS, check_meaning, check_share

__all__ = [
    "MEANINGS",
    "Arrival",
    "BraggGeometry",
    "Counter",
    "Dataset",
    "Geometry",
    "InFile",
    "NearFieldGeometry",
    "StoredPatterns",
    "Survey",
    "Truth",
    "Whole",
    "added",
    "beam_stop",
    "below",
    "check_data",
    "check_extent",
    "check_meaning",
    "check_share",
    "far_field_sampling",
    "frozen",
    "make_dataset",
    "masked",
    "object_shape_needed",
    "positions_in_pixels",
    "squared",
    "subset",
]
