"""Where a reconstruction starts if nobody says it: the beam, and how the scan lies to the detector."""

from ptychograd.automatic.start.candidate import Placing, StartCandidate
from ptychograd.automatic.start.search import StartSearch, find_start
from ptychograd.automatic.start.shadows import ShadowFit, Shadows, refined_fit, shadow_fits, shadows_of
from ptychograd.automatic.start.trials import StartTrial, trial_data, try_starts

__all__ = [
    "Placing",
    "ShadowFit",
    "Shadows",
    "StartCandidate",
    "StartSearch",
    "StartTrial",
    "find_start",
    "refined_fit",
    "shadow_fits",
    "shadows_of",
    "trial_data",
    "try_starts",
]
