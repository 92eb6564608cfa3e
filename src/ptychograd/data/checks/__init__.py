"""What can be told of a data set before it is reconstructed: each check one function, each finding one sentence."""

from collections.abc import Sequence

from ptychograd.data.checks.always import check_possible, warn_of
from ptychograd.data.checks.beam import centre, detector_edge, is_in_a_corner, overlap, probe_fill, probe_power
from ptychograd.data.checks.counts import dark_patterns, is_counted, photon_scale
from ptychograd.data.checks.detector import mask, pixels, saturation, sound_pixels
from ptychograd.data.checks.finding import BAD, DOUBTFUL, GOOD, Check, Evidence, Finding
from ptychograd.data.checks.places import duplicates, outliers, raster, units

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
    "Evidence",
    "Finding",
    "check_possible",
    "findings",
    "first_to_mend",
    "is_counted",
    "sound_pixels",
    "warn_of",
]


def findings(evidence: Evidence) -> list[Finding]:
    """What every check that makes sense for these data found, but for what a bad finding hides."""
    found = [finding for check in CHECKS if (finding := check(evidence)) is not None]
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
