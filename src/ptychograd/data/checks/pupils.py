"""Which fields of a plan say what made the beam, by the light on the detector: the pupil of a lens has a sharp edge."""

import numpy as np
from jaxtyping import Float64

from ptychograd.data.checks.finding import Evidence

LEAST_AREA = 12  # pixels of a pupil
# Area at 3/4 of its level over that at 1/4: 1 for a sharp edge, 0.49 for the light of a measured zone plate that a
# sample scatters; at most 0.45 for pinholes, 0.46 for Gaussians.
STEEP = 0.48
ELECTRONS = 1e-11  # metres: electrons of 15 kV and more have shorter waves, and X-rays below 120 keV longer ones
SMOOTH_BEAM = ("`model.start.focal_spot`", "`model.start.pinhole`", "`model.start.aperture`")


def start_fields(evidence: Evidence) -> str:
    """The fields that may say what the start probe is, the likeliest first, in words."""
    names = SMOOTH_BEAM
    if evidence.is_far and evidence.data.geometry is not None and is_pupil(evidence.mean):
        is_of_electrons = evidence.data.geometry.wavelength < ELECTRONS
        names = ("`model.start.electron_probe`" if is_of_electrons else "`model.start.zone_plate`", *names)
    return f"{', '.join(names[:-1])} or {names[-1]}"


def is_pupil(mean: Float64[np.ndarray, "y x"]) -> bool:
    """Whether a mean pattern is lit evenly up to a sharp edge, as a disc or a ring."""
    if mean.size < LEAST_AREA:
        return False
    bright = mean > 0.5 * np.partition(mean, -LEAST_AREA, axis=None)[-LEAST_AREA]  # however large the frame is
    if np.count_nonzero(bright) < LEAST_AREA:
        return False
    level = float(np.median(mean[bright]))
    inner, outer = (np.count_nonzero(mean > share * level) for share in (0.75, 0.25))
    return bool(inner >= STEEP * outer)
