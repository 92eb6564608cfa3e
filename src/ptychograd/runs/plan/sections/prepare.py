"""What is done to the patterns before anything else, in the order of the fields."""

from typing import Literal

from ptychograd.runs.plan.fields import (
    ArrayOrFile,
    Centre,
    NumberOrAuto,
    NumberOrFile,
    Numbers,
    Real,
    Section,
    Sides,
    Whole,
    about,
)
from ptychograd.runs.plan.quantities import Angle


class FramesSection(Section):
    """Which patterns of the scan are used; they are counted from 0."""

    first: Whole = about("Number of the first pattern that is used.", 0)
    last: Whole | None = about("Number of the last pattern that is used; by default the last one there is.")
    every: Whole = about("Every n-th of these is used.", 1)
    only: Numbers = about("Numbers of the patterns that are used, in this order; by default all.", ())
    leave_out: Numbers = about("Numbers of patterns that are left out.", ())
    dimmest: Real | None = about("Share of the median pattern's photons below which a pattern is left out, as 0.1.")
    brightest: Real | None = about("Share of the median pattern's photons above which a pattern is left out, as 5.")


class PrepareSection(Section):
    """What is done to patterns and positions before they are used, step by step in this order."""

    frames: FramesSection = about("Which patterns of the scan are used.", FramesSection)
    dark: NumberOrFile | None = about(
        "What each pixel shows without light, in the unit of the patterns: a number, or an image or exposures (.npy); "
        "it is subtracted, and what comes out below 0 becomes 0."
    )
    gain: NumberOrAuto | None = about(
        "What one photon adds, in the unit of the patterns, by which they are divided; auto estimates it from the "
        "variance over the mean of dim pixels."
    )
    flat: ArrayOrFile | None = about(
        "Image (.npy) of what each pixel shows of an even light, in any unit; the patterns are divided by it over its "
        "median. For counts of photons model.detector.flat_field keeps their noise as it is."
    )
    threshold: Real | None = about("Photons below which a pixel is set to 0.")
    hot_pixels: bool = about(
        "Find and mask pixels that count far more than all around them, or one number for ever.", False
    )
    dead_pixels: bool = about("Find and mask pixels that count nothing amid light.", False)
    shift: bool = about(
        "The zero frequency is at the first pixel, as a Fourier transform leaves it; move it to the middle.", False
    )
    transpose: bool = about("Exchange rows and columns of the detector; data.orientation does it to the scan.", False)
    flip: Literal["y", "x", "yx"] | None = about(
        "Axes of the detector that are reversed after that; data.orientation does it to the scan."
    )
    centre: Centre | None = about(
        "Zero frequency y, x in pixels of the file's patterns, counted from 0, to parts of a pixel; or how it is "
        "found: disc, symmetry, or auto (by symmetry, else by a disc)."
    )
    crop: Sides | None = about("Rows and columns that are left about the zero frequency; one number for both.")
    pad: Sides | None = about(
        "Rows and columns of the frame in the end, about the zero frequency; the new pixels are masked."
    )
    bin: Sides | None = about("Rows and columns of pixels that are summed up to one; one number for both.")
    drop_outliers: bool = about("Leave out patterns whose positions are far from all others.", False)
    rotate_scan: Angle = about("Angle by which the positions are turned about their mean, x towards y.", 0.0)
    stated: bool = about(
        "Do what the file states as well where nothing is said here: its dark and flat field, and the beam's centre.",
        True,
    )
