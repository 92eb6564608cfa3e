"""Bad pixels of measured patterns: found once, masked, and set to 0 so that they can't spread."""

from ptychograd.data.cleaning.bad import bad_pixels, clean, good_values, kinds_of, refuse_mostly_bad
from ptychograd.data.cleaning.gaps import Frame, gap_pixels, spread, summary_of_gaps

__all__ = [
    "Frame",
    "bad_pixels",
    "clean",
    "gap_pixels",
    "good_values",
    "kinds_of",
    "refuse_mostly_bad",
    "spread",
    "summary_of_gaps",
]
