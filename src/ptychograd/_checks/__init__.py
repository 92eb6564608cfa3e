"""What can be told of a data set before it is reconstructed: each check one function, each finding one sentence."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Complex

from ptychograd._checks.always import check_possible, warn_of
from ptychograd._checks.beam import centre, detector_edge, is_in_a_corner, overlap, probe_fill, probe_power
from ptychograd._checks.counts import dark_patterns, is_counted, photon_scale
from ptychograd._checks.detector import mask, pixels, saturation, sound_pixels
from ptychograd._checks.finding import BAD, DOUBTFUL, GOOD, Check, Finding, Seen
from ptychograd._checks.places import duplicates, outliers, raster, units
from ptychograd._dataset import Dataset, check_data

CHECKS: tuple[Check, ...] = (
    *(units, overlap, probe_fill, probe_power, detector_edge, centre),
    *(raster, outliers, duplicates),
    *(photon_scale, dark_patterns, saturation, mask, pixels),
)

_BEAM = ("overlap", "probe fill", "probe power", "detector edge", "centre")
_COUNTS = ("photon scale", "dark patterns", "saturation", "dead and hot pixels")
WAITING = {  # what can't be judged while another finding is bad; the first of these that is makes its others wait
    "mask": (*_BEAM, *_COUNTS),
    "dead and hot pixels": (*_BEAM, "saturation"),
    "photon scale": (*_BEAM[:-1], *_COUNTS),
    "centre": (*_BEAM[:-1], "dead and hot pixels"),
    "units": ("overlap", "raster"),
}
AGAIN = "then diagnose again, as what depends on it is not judged yet"

__all__ = [
    "BAD",
    "CHECKS",
    "DOUBTFUL",
    "GOOD",
    "Check",
    "Finding",
    "Seen",
    "check_possible",
    "diagnose",
    "findings",
    "first_to_mend",
    "is_counted",
    "sound_pixels",
    "warn_of",
]


def diagnose(data: Dataset, probe: Complex[np.ndarray, "modes y x"] | None = None) -> list[Finding]:
    """What every check that makes sense for these data found, in the order in which one would mend it.

    Overlap and fill are those of `probe`, or else of the data's own, or of one estimated from the mean pattern.

    Example:
        for finding in diagnose(data):
            print(finding.name, finding.verdict, finding.found, finding.advice)
    """
    check_data(data)
    return findings(Seen.of(data, probe))


def findings(seen: Seen) -> list[Finding]:
    """What every check that makes sense for these data found, but for what a bad finding hides."""
    found = [finding for check in CHECKS if (finding := check(seen)) is not None]
    first = first_to_mend(found)
    waiting = {name for other in first for name in WAITING[other]} - set(first)
    return [
        finding._replace(advice=f"{finding.advice}; {AGAIN}") if finding.name in first else finding
        for finding in found
        if finding.name not in waiting
    ]


def first_to_mend(found: Sequence[Finding]) -> list[str]:
    """Names of bad findings on which others depend, without those that depend on another of them."""
    bad = {finding.name: finding for finding in found if finding.verdict == BAD}
    if "centre" in bad and not is_in_a_corner(bad["centre"]):  # a beam somewhat off centre hides nothing else
        del bad["centre"]
    first: list[str] = []
    for name in WAITING:
        if name in bad and not any(name in WAITING[other] for other in first):
            first.append(name)
    return first
