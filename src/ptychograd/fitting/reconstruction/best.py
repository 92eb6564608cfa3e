"""The best state of a stage: a run ends no worse than it ever was."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import PyTree

from ptychograd.fitting.result import ROSE

RISE = 0.1  # of the loss over its lowest, from which a run is said to have risen: minibatches scatter by less
BEST = "best"  # settings: of a run that goes on
PARAMETER, STATE = "other/parameter/", "other/state/"  # how the solver's state of a result names a second state


class Best(NamedTuple):
    """Parameters and solver state after `epochs`, the last of which had the lowest `loss` of a stage so far."""

    variables: PyTree
    state: PyTree
    epochs: int
    loss: float

    def or_better(self, other: "Best") -> "Best":
        """The one with the lower loss; the later of two alike."""
        return self if self.loss < other.loss else other

    def is_risen(self, loss: float) -> bool:
        """Whether that loss is above the lowest by more than minibatches scatter."""
        return loss > self.loss + RISE * abs(self.loss)


class Stored(NamedTuple):
    """The two states that a result of a run that goes on may hold: where it stands, and the best one, if another."""

    parameters: dict[str, np.ndarray]
    state: dict[str, np.ndarray]
    best_parameters: dict[str, np.ndarray] | None
    best_state: dict[str, np.ndarray] | None

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray], settings: Mapping) -> "Stored":
        """From what a result shows and what it holds beside that; it shows the best state if the loss rose."""
        own = {name: leaf for name, leaf in state.items() if not name.startswith((PARAMETER, STATE))}
        others = {name.removeprefix(PARAMETER): leaf for name, leaf in state.items() if name.startswith(PARAMETER)}
        other_state = {name.removeprefix(STATE): leaf for name, leaf in state.items() if name.startswith(STATE)}
        if not others:
            return cls(dict(arrays), own, None, None)
        other = dict(arrays) | others, other_state
        shown = dict(arrays), own
        return cls(*other, *shown) if ROSE in settings else cls(*shown, *other)


def beside(parameters: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A second state as entries of a result's solver state, for `Stored.of`."""
    named = {PARAMETER + name: leaf for name, leaf in parameters.items()}
    return named | {STATE + name: leaf for name, leaf in state.items()}
