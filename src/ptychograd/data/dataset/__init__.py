"""Measured patterns and all that belongs to them, in memory or in their file."""

from ptychograd.data.dataset.abstract import AbstractPatterns
from ptychograd.data.dataset.arrival import Arrival, Counter, Whole
from ptychograd.data.dataset.dataset import (
    BraggGeometry,
    Dataset,
    Geometry,
    GroundTruth,
    NearFieldGeometry,
    check_data,
    check_extent,
    far_field_sampling,
    object_shape_needed,
    positions_in_pixels,
    positions_of,
)
from ptychograd.data.dataset.freezing import frozen
from ptychograd.data.dataset.loaded import patterns_of
from ptychograd.data.dataset.making import make_dataset, squared
from ptychograd.data.dataset.masking import beam_stop, mask_pixels, unsaturated_mask
from ptychograd.data.dataset.part import subset
from ptychograd.data.dataset.stated import Stated
from ptychograd.data.dataset.stored import StoredPatterns
from ptychograd.data.dataset.stored_parts import joined_patterns
from ptychograd.data.dataset.survey import StreamFromFile, Survey, added
from ptychograd.data.dataset.valid import MEANINGS, check_meaning, check_share
from ptychograd.data.dataset.variables import Variable, Variables, check_name

__all__ = [
    "MEANINGS",
    "AbstractPatterns",
    "Arrival",
    "BraggGeometry",
    "Counter",
    "Dataset",
    "Geometry",
    "GroundTruth",
    "NearFieldGeometry",
    "Stated",
    "StoredPatterns",
    "StreamFromFile",
    "Survey",
    "Variable",
    "Variables",
    "Whole",
    "added",
    "beam_stop",
    "check_data",
    "check_extent",
    "check_meaning",
    "check_name",
    "check_share",
    "far_field_sampling",
    "frozen",
    "joined_patterns",
    "make_dataset",
    "mask_pixels",
    "object_shape_needed",
    "patterns_of",
    "positions_in_pixels",
    "positions_of",
    "squared",
    "subset",
    "unsaturated_mask",
]
