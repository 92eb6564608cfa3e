"""What can be told of a data set before it is reconstructed: each check one function, each finding one sentence."""

import numpy as np
from jaxtyping import Complex

from ptychograd._checks.beam import centre, detector_edge, overlap, probe_fill, probe_power
from ptychograd._checks.counts import dark_patterns, mask, photon_scale, pixels, saturation
from ptychograd._checks.finding import BAD, DOUBTFUL, GOOD, Check, Finding, Seen
from ptychograd._checks.places import duplicates, outliers, raster, units
from ptychograd._dataset import Dataset

CHECKS: tuple[Check, ...] = (
    *(units, overlap, probe_fill, probe_power, detector_edge, centre),
    *(raster, outliers, duplicates),
    *(photon_scale, dark_patterns, saturation, mask, pixels),
)

__all__ = ["BAD", "CHECKS", "DOUBTFUL", "GOOD", "Check", "Finding", "Seen", "diagnose", "findings"]


def diagnose(data: Dataset, probe: Complex[np.ndarray, "modes y x"] | None = None) -> list[Finding]:
    """What every check that makes sense for these data found, in the order in which one would mend it.

    Overlap and fill are those of `probe`, or else of the data's own, or of one estimated from the mean pattern.

    Example:
        for finding in diagnose(data):
            print(finding.name, finding.verdict, finding.found, finding.advice)
    """
    return findings(Seen.of(data, probe))


def findings(seen: Seen) -> list[Finding]:
    """What every check that makes sense for these data found."""
    return [finding for check in CHECKS if (finding := check(seen)) is not None]
