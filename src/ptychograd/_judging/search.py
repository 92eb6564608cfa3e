"""Positions looked for farther than a gradient reaches."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ptychograd._dataset import Dataset
from ptychograd._epoch import on_device
from ptychograd._errors import InputError
from ptychograd._escapes import AbstractEscape, Changed
from ptychograd._judging.pattern import FARTHEST, Pattern, lit_places, pixels, scan_of, whole_pixels

AT_ONCE = 1024  # positions, whose patterns are in memory together
MOVED = 0.5  # pixels, from which on a position counts as another


@dataclass(frozen=True)
class PositionsSearched(AbstractEscape):
    """Every pattern's position is looked for anew, with everything else as it is.

    Of all steps by whole pixels, up to the `farthest`, the one of the least misfit is taken, and Gauss-Newton steps
    down from there: a pattern whose own position is caught in a wrong minimum comes out of it, once the object about it
    is right. Patterns without a photon, as those that `data` hold out, stay where they are.
    """

    data: Dataset
    farthest: int = 3

    def check(self, model):
        scan_of(model)
        if not 1 <= self.farthest <= FARTHEST:
            raise InputError(f"Positions searched within {self.farthest} pixels; expected 1 to {FARTHEST}.")

    def __call__(self, model, start, fit):
        scan, placed = scan_of(model), on_device(model)
        tried = whole_pixels(self.farthest).astype(scan.offset.dtype)

        def one(item):
            place, measured, valid = item
            return Pattern(placed, place, measured, valid, scan.offset[place]).found(tried)

        offset, places = np.array(scan.offset), lit_places(self.data)
        for first in range(0, len(places), AT_ONCE):
            some = places[first : first + AT_ONCE]
            measured, valid, _ = pixels(self.data, some, scan.offset.dtype)
            offset[some] = jax.lax.map(one, (jnp.asarray(some), measured, valid))
        count = np.count_nonzero(np.hypot(*(offset - np.asarray(scan.offset)).T) > MOVED)
        changed = eqx.tree_at(lambda model: model.scan.offset, model, jnp.asarray(offset, scan.offset.dtype))
        words = (
            f"positions searched within {self.farthest} pixels: {count} of {len(places)} moved by more than {MOVED:g}"
        )
        return Changed(changed, words)
