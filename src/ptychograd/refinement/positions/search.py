"""Positions looked for farther than a gradient reaches."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import named_parameters, replace_parameter
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset
from ptychograd.data.patterns import blocks, illuminated_positions, measured
from ptychograd.fitting.epoch import called, of_each
from ptychograd.physics.checks import check_count
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.noise import AbstractNoise, Amplitude
from ptychograd.refinement.positions.single_pattern import FARTHEST, Pattern, Steps, corrected_by, whole_pixels
from ptychograd.refinement.stage_actions import AbstractStageAction, Changed

MOVED = 0.5  # pixels, from which on a position counts as another
DOWN = 4  # Gauss-Newton steps after each search
WORST = 0.2  # of the patterns, by their misfit, are looked for about the given position as well
REACHED = 3.5  # times the size of the typical offset along an axis: farther away there are hardly any
TYPICAL = 1.18  # of two numbers of size 1, the median length
SPACING = 2  # pixels, of steps about the given position


def reach_about_given(lengths: Float[np.ndarray, " pattern"], farthest: int) -> int:
    """How far about the given positions, in pixels, the worst patterns are looked for, by the lengths of all offsets.

    0 where positions are typically off by more than a search can reach, as those that were placed by holograms.
    """
    reach = REACHED * float(np.median(lengths)) / TYPICAL if len(lengths) else 0.0
    return int(np.ceil(max(reach, farthest))) if reach <= FARTHEST else 0


class PositionSearch(AbstractStageAction):
    """Before a stage, look for every pattern's position anew, farther than a gradient reaches.

    Everything else stays as it is. Of all steps by whole pixels, up to `farthest`, the one of the least misfit is
    taken, and Gauss-Newton steps down from there: a pattern whose position is caught in a wrong minimum comes out of
    it, once the object about it is right. For the worst fifth of the patterns positions about the given one are tried
    as well, in case they went astray, unless offsets are typically above 3.4 pixels along each axis, as of positions
    that were placed: given ones then say too little. Patterns without a photon, as those that `data` hold out, stay
    where they are.

    `with_position_search` puts it into the stages of a run.

    Args:
        data: the patterns whose positions are looked for.
        farthest: the longest step that is tried, in object pixels, from 1 to 12.
        noise: the noise model, which says what a pixel shows; `Amplitude()` by default.

    Raises:
        InputError: when a run begins: the model's positions can't be refined (see `with_refinable_positions`), it has
            another number of patterns than the data, or `farthest` is out of its range.

    Example:
        >>> search = pg.refinement.PositionSearch(data, farthest=5)
        >>> stage = pg.Stage(20, ("object", "probe", "scan.offset"), first=(search,))
    """

    data: Dataset
    farthest: int = 3
    noise: AbstractNoise = Amplitude()

    def check(self, model):
        corrected_by(model)
        check_count(model, self.data.count)
        if not 1 <= self.farthest <= FARTHEST:
            raise InputError(f"Positions searched within {self.farthest} pixels; expected 1 to {FARTHEST}.")

    @meant
    def __call__(self, model, start, fit):
        path = corrected_by(model)["offset"]
        before, places = np.asarray(named_parameters(model)[path]), illuminated_positions(self.data)
        offset = before.copy()
        offset[places], misfit = self._found(model, places, before[places], whole_pixels(self.farthest))
        worst = np.argsort(-misfit)[: round(WORST * len(places))]
        reach = reach_about_given(np.hypot(*offset[places].T), self.farthest)
        steps, worst = whole_pixels(reach, SPACING), worst if reach else worst[:0]
        anew, other = self._found(model, places[worst], np.zeros_like(before[places[worst]]), steps)
        better = other < misfit[worst]
        offset[places[worst[better]]] = anew[better]
        count = np.count_nonzero(np.hypot(*(offset - before).T) > MOVED)
        changed = replace_parameter(model, path, jnp.asarray(offset, before.dtype))
        text = (
            f"positions searched within {self.farthest} pixels: {count} of {len(places)} moved by more than {MOVED:g}"
        )
        return Changed(changed, text)

    def _found(
        self,
        model: AbstractModel,
        places: Int[np.ndarray, " pattern"],
        begin: Float[np.ndarray, "pattern 2"],
        tried: Float[Array, "step 2"],
    ) -> tuple[Float[np.ndarray, "pattern 2"], Float[np.ndarray, " pattern"]]:
        """The best offsets within the steps `tried` from those at which to begin, and their misfits."""
        path = corrected_by(model)["offset"]
        shared = (called(model), self.noise, Steps.of({path: tried.astype(begin.dtype)}, DOWN))
        found = [(begin[:0], begin[:0, 0])]
        for some in blocks(places, self.data):
            counts, valid = measured(self.data, places[some], begin.dtype)
            found.append(of_each(_best, shared, (jnp.asarray(places[some]), counts, valid, jnp.asarray(begin[some]))))
        offset, misfit = (np.concatenate([np.asarray(part) for part in parts]) for parts in zip(*found, strict=True))
        return offset, misfit


def _best(shared: tuple, item: tuple) -> tuple[Float[Array, "2"], Float[Array, ""]]:
    model, noise, tried = shared
    place, measured, valid, begin = item
    (path,) = tried.rows
    row, misfit = Pattern(model, noise, place, measured, valid, {path: begin}).found(tried)
    return row[path], misfit
