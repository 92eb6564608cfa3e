"""What of a start can't move, as no derivative leads away from it: told before a run, for models of any making."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Array, Complex

from ptychograd._model import AbstractModel, Ptychography
from ptychograd._objects import MixedObject
from ptychograd._parameters import matches, named_parameters
from ptychograd._starts import independent

MODES, OBJECT = "probe.modes", "object.transmission"
VARIATIONS, WEIGHTS = "probe.variations", "probe.weights"
WIDTH, FLAT_FIELD = "detector.point_spread.width", "detector.flat_field"


def stuck(model: AbstractModel, trainable: Sequence[str]) -> Iterator[str]:
    """A sentence for every refined parameter that would stay as it is, and how to begin otherwise."""
    if not isinstance(model, Ptychography):
        return
    arrays = named_parameters(model)
    free = {path for path in arrays if any(matches(path, name) for name in trainable)}
    if MODES in free and (count := _lost(arrays[MODES])):
        yield f"{count} of {len(arrays[MODES])} modes of {MODES} are empty or mixtures of the others; see with_modes"
    if OBJECT in free:
        yield from _of_object(model, arrays[OBJECT])
    if VARIATIONS in free and WEIGHTS not in free and not np.any(np.asarray(arrays[WEIGHTS])):
        yield f"{VARIATIONS} have weights of 0 that are not refined; refine {WEIGHTS} too"
    if WIDTH in free and float(arrays[WIDTH]) == 0:
        yield f"{WIDTH} is 0, where no pattern tells whether more would do good; begin with with_point_spread(model)"
    if FLAT_FIELD in free and not np.any(np.asarray(arrays[FLAT_FIELD])):
        yield f"{FLAT_FIELD} is 0 everywhere, so that nothing is counted; see with_flat_field"


def _of_object(model: Ptychography, transmission: Array) -> Iterator[str]:
    if not np.any(np.asarray(transmission)) and getattr(model.object, "support", None) is None:
        yield f"{OBJECT} is 0 everywhere; begin with flat_object"
    elif isinstance(model.object, MixedObject) and (count := _lost(transmission)):
        states = len(transmission)
        yield f"{count} of {states} states of {OBJECT} are empty or mixtures of the others; see with_object_modes"


def _lost(waves: Complex[Array, "modes y x"]) -> int:
    """How many are empty, or mixtures of the others."""
    return len(waves) - len(independent(np.asarray(waves), len(waves)))
