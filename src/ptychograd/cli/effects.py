"""What experiments do beside the ideal, as options ask for it, put into models and stages."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ptychograd.cli.asked import Effects
from ptychograd.cli.detector import binned, detected
from ptychograd.cli.places import with_places, with_true_places
from ptychograd.cli.wave import with_true_wave, with_wave
from ptychograd.core.errors import InputError

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset
    from ptychograd.physics.model import AbstractModel

REFINE_AFTER = 0.2  # of the epochs: what object and probe can't explain shows once they are roughly there


def assembled(
    model: "AbstractModel", data: "Dataset", effects: Effects, refine: Sequence[str], defocus: float = 0.0
) -> "AbstractModel":
    """The model with all parts that the options ask for, and those that have the parameters to `refine`.

    `defocus` is how far from the opening or focus the probe starts.
    """
    model = with_wave(binned(model, effects), effects, refine, defocus)
    return detected(with_places(model, effects, refine), effects, refine, data)


def imperfect(effects: Effects, seed: int, model: "AbstractModel") -> "AbstractModel":
    """The true model of a simulation with all that the options ask for; what is by chance depends on `seed`."""
    model = with_true_wave(binned(model, effects), effects, seed)
    return detected(with_true_places(model, effects, seed), effects)


def refined(stages: Iterable, names: Iterable[str], after: int) -> list:
    """The stages of a run, with parameters of these names refined after so many epochs.

    Raises `InputError` where so many are all that it has.
    """
    names, done, parts = tuple(names), 0, []
    for stage in stages:
        begun = stage._replace(trainable=(*stage.named, *names)) if names else stage
        alone = min(stage.epochs, max(0, after - done)) if names else 0
        if alone:
            parts.append(stage._replace(epochs=alone, until=None if alone < stage.epochs else stage.until))
        if not alone or alone < stage.epochs:
            parts.append(begun._replace(epochs=stage.epochs - alone, first=() if alone else stage.first))
        done += stage.epochs
    if names and 0 < done <= after:
        raise InputError(
            f"--refine-after {after} leaves no epoch to refine {', '.join(names)}: the run has {done}; give fewer."
        )
    return parts
