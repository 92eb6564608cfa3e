"""A data set looked at before it is reconstructed, with the start probe that it would get."""

import numpy as np
from jaxtyping import Complex

from ptychograd.data.checks import Evidence, Finding, findings
from ptychograd.data.dataset import BraggGeometry, Dataset, NearFieldGeometry, check_data
from ptychograd.models.starts import back_propagated, mean_pattern


def diagnose(data: Dataset, probe: Complex[np.ndarray, "modes y x"] | None = None) -> list[Finding]:
    """What every check that makes sense for these data found, in the order in which one would mend it.

    Overlap and fill are those of `probe`, or else of the data's own, or of one estimated from the mean pattern.

    Example:
        for finding in diagnose(data):
            print(finding.name, finding.verdict, finding.found, finding.advice)
    """
    check_data(data)
    return findings(observed(data, probe))


def observed(data: Dataset, probe: Complex[np.ndarray, "modes y x"] | None = None) -> Evidence:
    """A look at the data with `probe`, else with the data's own, else with one estimated from the patterns."""
    estimated = probe is None and data.probe is None and not isinstance(data.geometry, BraggGeometry) and data.total > 0
    if estimated:
        start = back_propagated if isinstance(data.geometry, NearFieldGeometry) else mean_pattern()
        pixel = None if data.geometry is None else data.geometry.sampling(data.frame_shape)
        probe = np.asarray(start(data, pixel))[None]
    return Evidence.of(data, probe, estimated)
