"""What experiments do beside the ideal, as options that `reconstruct` and `simulate` share, and as a model's parts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cyclopts import Parameter

from ptychograd._errors import InputError
from ptychograd._parameters import matches

if TYPE_CHECKING:
    from ptychograd._dataset import Dataset
    from ptychograd._model import AbstractModel, Ptychography

REFINE_AFTER = 0.2  # of the epochs: what object and probe can't explain shows once they are roughly there
HELD, FEWEST_HELD, MOST_HELD = 0.05, 3, 0.15  # shares of the patterns, and patterns, that judge refined positions


@Parameter(name="*")
@dataclass(frozen=True)
class Pieces:
    """What the model has beside the ideal.

    Attributes:
        jitter: For simulate: root-mean-square error of the positions along each axis, in object pixels.
        reach: How far refined positions may move along each axis, in object pixels.
    """

    jitter: float = 0.0
    reach: int = 16


def assembled(model: "AbstractModel", data: "Dataset", pieces: Pieces, refine: Sequence[str]) -> "AbstractModel":
    """The model with all parts that the options ask for, and those that have the parameters to `refine`."""
    if pieces.jitter:
        raise InputError("--jitter is for simulated measurements; a reconstruction refines with --refine scan.offset.")
    if refines_positions(refine):
        model = _with_positions(model, pieces)
    return model


def refines_positions(names: Sequence[str]) -> bool:
    """Whether a correction of positions is among the parameters of these names."""
    from ptychograd._judging import PATHS

    return any(matches(path, name) for path in PATHS for name in names)


def held_share(asked: float | None, refine: Sequence[str], positions: int) -> float:
    """The share of patterns held out: none unless asked for, or unless they have to judge refined positions."""
    if asked is not None:
        return asked
    return max(HELD, min(MOST_HELD, FEWEST_HELD / positions)) if refines_positions(refine) else 0.0


def _with_positions(model: "AbstractModel", pieces: Pieces) -> "AbstractModel":
    from ptychograd._pieces.positions import with_refinable_positions

    return with_refinable_positions(model, pieces.reach)


def imperfect(pieces: Pieces, seed: int, model: "Ptychography") -> "Ptychography":
    """The true model of a simulation with all that the options ask for; what is by chance depends on `seed`."""
    if not 0 <= pieces.jitter < float("inf"):
        raise InputError(f"--jitter {pieces.jitter:g}: expected pixels, none or more.")
    if pieces.jitter:
        from ptychograd._pieces.positions import with_jitter

        model = with_jitter(model, pieces.jitter, seed)
    return model


def refined(stages: Iterable, names: Iterable[str], after: int) -> list:
    """The stages of a run, with parameters of these names refined after so many epochs."""
    names, done, parts = tuple(names), 0, []
    for stage in stages:
        begun = stage._replace(trainable=(*stage.trainable, *names)) if names else stage
        alone = min(stage.epochs, max(0, after - done)) if names else 0
        if alone:
            parts.append(stage._replace(epochs=alone, until=None if alone < stage.epochs else stage.until))
        if alone < stage.epochs or not stage.epochs:
            parts.append(begun._replace(epochs=stage.epochs - alone, first=() if alone else stage.first))
        done += stage.epochs
    return parts
