"""A data set looked at before it is reconstructed, with the start probe that it would get."""

import numpy as np
from jaxtyping import Complex

from ptychograd.data.checks import Evidence, Finding, findings
from ptychograd.data.dataset import Dataset, check_data
from ptychograd.models.starts import back_propagated, mean_pattern


def diagnose(data: Dataset, probe: Complex[np.ndarray, "modes y x"] | None = None) -> list[Finding]:
    """Look for what is wrong with a data set before it is reconstructed: units, overlap, beam, counts, detector, mask.

    Every check that makes sense for these data gives one `Finding`: without positions those of counts and detector, and
    of the beam where the geometry says that there is one. What can't be judged while another finding is bad
    is left out until that is mended.

    Args:
        data: the data set.
        probe: start probe (modes, y, x) whose overlap and fill of the window are judged; by default the data's own, or
            else one estimated from the mean pattern.

    Returns:
        the findings, in the order in which you would mend them.

    Example:
        >>> findings = {finding.name: finding for finding in pg.diagnose(data)}
        >>> findings["overlap"].verdict, round(findings["overlap"].figures["overlap"], 1)
        ('good', 0.6)
    """
    check_data(data)
    return findings(observed(data, probe))


def observed(data: Dataset, probe: Complex[np.ndarray, "modes y x"] | None = None) -> Evidence:
    """A look at the data with `probe`, else with the data's own, else with one estimated from the patterns."""
    known = probe is not None or data.probe is not None or data.positions is None
    estimated = not known and data.rocking_curve is None and data.total > 0
    if estimated:
        start = back_propagated if data.near_field else mean_pattern()
        pixel = None if data.geometry is None else data.geometry.sampling(data.frame_shape)
        probe = np.asarray(start(data, pixel))[None]
    return Evidence.of(data, probe, estimated)
