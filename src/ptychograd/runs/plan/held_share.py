"""Whether positions are refined, from which epoch on, and how many patterns judge them."""

from collections.abc import Sequence

from ptychograd.core.parameters import matches
from ptychograd.physics.paths import CORRECTING

REFINE_AFTER = 0.05  # of the epochs: an object that has settled about wrong positions holds them (measured)
HELD, FEWEST_HELD, MOST_HELD = 0.05, 3, 0.15  # shares of the patterns, and patterns, that judge refined positions


def refines_positions(names: Sequence[str]) -> bool:
    """Whether a correction of positions is among the parameters of these names."""
    return any(matches(path, name) for path in CORRECTING.values() for name in names)


def held_share(asked: float | None, refine: Sequence[str], positions: int) -> float:
    """The share of patterns held out: none unless asked for, or unless they have to judge refined positions."""
    if asked is not None:
        return asked
    return max(HELD, min(MOST_HELD, FEWEST_HELD / positions)) if refines_positions(refine) else 0.0
