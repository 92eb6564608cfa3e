"""What experiments do beside the ideal, as options that `reconstruct` and `simulate` share, and as a model's parts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from ptychograd._dataset import Dataset
    from ptychograd._model import AbstractModel, Ptychography

REFINE_AFTER = 0.2  # of the epochs: what object and probe can't explain shows once they are roughly there


@Parameter(name="*")
@dataclass(frozen=True)
class Pieces:
    """What the model has beside the ideal."""

    none_yet: Annotated[bool, Parameter(parse=False)] = False


def assembled(model: "AbstractModel", data: "Dataset", pieces: Pieces, refine: Sequence[str]) -> "AbstractModel":
    """The model with all parts that the options ask for, and those that have the parameters to `refine`."""
    return model


def imperfect(pieces: Pieces, seed: int, model: "Ptychography") -> "Ptychography":
    """The true model of a simulation with all that the options ask for; what is by chance depends on `seed`."""
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
