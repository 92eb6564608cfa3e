"""Entries made of others."""

import math
from dataclasses import replace

from ptychograd.data.files.safety import Entry


def flattened(entry: Entry) -> Entry:
    """Patterns (..., y, x) on a grid as (index, y, x), its last axis fastest; a single one gets an axis before it."""
    if len(entry.shape) == 3 or len(entry.shape) < 2:
        return entry
    shape = (math.prod(entry.shape[:-2]), *entry.shape[-2:])
    return replace(entry, shape=shape, load=lambda: entry.array().reshape(shape), written=lambda: None)
