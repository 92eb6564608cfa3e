"""What was measured: files, how they are read, and lengths that they do not state or state wrongly."""

import math
from typing import Annotated, Literal

from ptychograd.runs.plan.fields import (
    ArrayOrFile,
    Files,
    Flat,
    Places,
    Real,
    Section,
    Sides,
    TextOrNumber,
    Whole,
    about,
)
from ptychograd.runs.plan.quantities import Angle, Duration, Energy, Length, Lengths, Voltage
from ptychograd.runs.plan.sections.prepare import PrepareSection


class MaskSection(Section):
    """Which pixels of the detector are left out."""

    image: ArrayOrFile | None = about("Image (.npy) with 0 where a pixel of the detector is left out.")
    nonzero: Literal["good", "bad"] | None = about(
        "What True or non-zero means in the mask: of data.mask.image if that is given, else of the one named with "
        "data.keys.mask, else of the file's; by default what the file's format or the mask's name says, else good."
    )
    above: Real | None = about("Photons from which on a pixel is left out of a pattern.", above=0)
    beam_stop: Real = about("Radius in pixels of a disc in the middle of the detector that is left out.", 0.0, least=0)
    allow_most: bool = about("Go on although fewer than half of the pixels are valid.", False)


class ScanSection(Section):
    """A raster scan, for patterns of which no file has the positions."""

    step: Lengths | None = about(
        "Distance from point to point of a raster scan: one length, or two, along y and x; a negative one goes the "
        "other way."
    )
    shape: Sides | None = about(
        "Points of a raster scan along y and x, as [20, 30]; by default those of the grid that the file has."
    )
    rotation: Angle = about("Angle of a raster scan against the axes of the patterns, from x towards y.", 0.0)
    serpentine: bool = about("Every second line of a raster scan is run back.", False)
    transpose: bool = about("The lines of a raster scan run along y, one after another along x.", False)


class DataSection(Section):
    """The measured patterns: where they are, and how they are read."""

    paths: Files = about(
        "Files of the scan, folders of images, or patterns of names, as frames/*.tif; several are one scan, unless "
        "data.each says otherwise.",
        (),
    )
    each: bool = about("Every file is a scan, and has a run of its own.", False)
    keys: Annotated[dict[str, TextOrNumber], Flat] = about(
        "Where the file keeps an item: NAME=PATH, or NAME=NUMBER in SI units; names are patterns, positions (or x and "
        "y), mask, probe, support, wavelength, energy or energy_kev, distance, pixel_size, focus_distance, "
        'two_theta, rocking (radians, or degrees where the file says units="deg"), arrived (what counts the patterns '
        "that are written by now); what else differs from pattern to pattern is variable.NAME; positions=none: there "
        "are none. A unit that the file does not state follows path or "
        "number after a colon, as /entry/x:um and 8:keV.",
        {},
    )
    positions: Places | None = about(
        "Where the positions are, if not with the patterns: FILE (CSV, text with a header, HDF5, NPZ), FILE:NAME for "
        "an array in it, or x=PLACE,y=PLACE with places FILE:NAME or /NAME. A unit follows after a colon, as "
        "scan.csv:um."
    )
    join: str | None = about(
        "Column of data.positions with the number of each pattern (from 0 or 1; of images that of their file's name), "
        "or the name of its file; by default positions are in the order of the patterns."
    )
    scan: ScanSection = about("A raster scan, for patterns of which no file has the positions.", ScanSection)
    links_into: Files = about(
        "Folders that the file may lead to by links, virtual datasets or external storage; it may always lead to its "
        "own folder and those below.",
        (),
    )
    orientation: Whole = about(
        "How positions lie to patterns: 4 exchanges y and x, then 2 negates y and 1 negates x; add them up. "
        "`ptychograd diagnose` finds out.",
        0,
        least=0,
        most=7,
    )
    mask: MaskSection = about("Which pixels of the detector are left out.", MaskSection)
    prepare: PrepareSection = about("What is done to patterns and positions before they are used.", PrepareSection)
    follow: bool = about(
        "Begin with the patterns that an HDF5 file holds while it is being written (SWMR), and take in new ones at "
        "every epoch; the run as asked begins when all positions have their pattern. The key arrived names what the "
        "writer counts patterns by, if it does.",
        False,
    )
    patience: Duration = about(
        "Time without a new pattern after which a scan that is followed counts as ended.", 60.0, least=0
    )


class GeometrySection(Section):
    """Lengths of the experiment, in place of the file's."""

    distance: Length | None = about("From sample to detector.", above=0, less_than=math.inf)
    focus_distance: Length | None = about(
        "For a near field in a cone beam: from focus to sample; inf for a parallel beam.",
        above=0,
    )
    wavelength: Length | None = about("Wavelength of the light or of the electrons.", above=0, less_than=math.inf)
    energy: Energy | None = about('Energy of the photons, as "8 keV", in place of the wavelength.', above=0)
    voltage: Voltage | None = about(
        'Accelerating voltage of the electrons, as "300 kV", in place of the wavelength.', above=0, less_than=math.inf
    )
    pixel_size: Length | None = about("Width of a detector pixel.", above=0, less_than=math.inf)
    two_theta: Angle | None = about(
        "Of a crystal: the angle between the beam and the detector's middle.", above=-math.inf, less_than=math.inf
    )
