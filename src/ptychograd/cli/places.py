"""Options for the positions of a scan, put into a model and a run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ptychograd.cli.asked import Effects
from ptychograd.core.errors import InputError
from ptychograd.physics.paths import CORRECTING

if TYPE_CHECKING:
    from ptychograd.physics.model import AbstractModel

PLACES_AFTER = 0.05  # of the epochs: an object that has settled about wrong positions holds them (measured)
HELD, FEWEST_HELD, MOST_HELD = 0.05, 3, 0.15  # shares of the patterns, and patterns, that judge refined positions


def with_places(model: "AbstractModel", effects: Effects, refine: Sequence[str]) -> "AbstractModel":
    """The model whose positions can be corrected, if a correction is to be refined."""
    if effects.jitter:
        raise InputError("--jitter is for simulated measurements; a reconstruction refines with --refine scan.offset.")
    if not refines_positions(refine):
        return model
    from ptychograd.models.effects import with_refinable_positions

    return with_refinable_positions(model, effects.reach)


def with_true_places(model: "AbstractModel", effects: Effects, seed: int) -> "AbstractModel":
    """The true model of a simulation, with position errors by chance if there are any."""
    if not 0 <= effects.jitter < float("inf"):
        raise InputError(f"--jitter {effects.jitter:g}: expected pixels, none or more.")
    if not effects.jitter:
        return model
    from ptychograd.models.effects import with_jitter
    from ptychograd.models.effects.common import checked

    return with_jitter(checked(model, "--jitter"), effects.jitter, seed)


def refines_positions(names: Sequence[str]) -> bool:
    """Whether a correction of positions is among the parameters of these names."""
    from ptychograd.core.parameters import matches

    return any(matches(path, name) for path in CORRECTING.values() for name in names)


def held_share(asked: float | None, refine: Sequence[str], positions: int) -> float:
    """The share of patterns held out: none unless asked for, or unless they have to judge refined positions."""
    if asked is not None:
        return asked
    return max(HELD, min(MOST_HELD, FEWEST_HELD / positions)) if refines_positions(refine) else 0.0
