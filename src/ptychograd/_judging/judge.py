"""Whether refined positions serve patterns that had no part in refining them."""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ptychograd._dataset import Dataset
from ptychograd._epoch import of_each, on_device
from ptychograd._errors import InputError
from ptychograd._escapes import AbstractEscape, Changed
from ptychograd._judging.pattern import Pattern, blocks, lit_places, pixels, scan_of, whole_pixels
from ptychograd._model import AbstractModel
from ptychograd._parameters import replace_parameters, trainable_names
from ptychograd._scan import CORRECTED

OFFSET = "scan.offset"
PATHS = tuple(f"scan.{name}" for name in CORRECTED)
SPREAD = 2.5  # times the rms of all corrections: how far the position of a held-out pattern is looked for


class Misfits(NamedTuple):
    """Σ(√h - √y)² and Σy of each held-out pattern, over the half of its pixels that did not tell its position.

    Besides the offset that the other half told.
    """

    residual: Float[np.ndarray, " pattern"]
    photons: Float[np.ndarray, " pattern"]
    offset: Float[np.ndarray, "pattern 2"]

    @property
    def r_factor(self) -> float:
        """R of all together."""
        return float(np.sqrt(self.residual.sum() / self.photons.sum()))


def misfits(model: AbstractModel, held: Dataset) -> Misfits:
    """How well a model expects patterns that it was not fitted to, each at its own position.

    The position of a held-out pattern is refined by nobody; where others' were, it is found here from a random half of
    the pattern's pixels, with everything else as it is, and the misfit taken over the other half.
    """
    scan, places = scan_of(model), lit_places(held)
    spread = float(np.sqrt(np.mean(np.square(scan.offset))))
    tried = whole_pixels(int(np.ceil(SPREAD * spread))).astype(scan.offset.dtype)
    placed, judged, found = on_device(model), _moved if spread > 0 else _unmoved, []
    for block in blocks(places, held):
        patterns, valid, judges = pixels(held, places[block], scan.offset.dtype)
        rows = (jnp.asarray(places[block]), patterns, valid)
        found.append(of_each(judged, (placed, tried, jnp.asarray(judges)), rows))
    residual, photons, offset = (
        np.concatenate([np.asarray(part) for part in parts]) for parts in zip(*found, strict=True)
    )
    return Misfits(residual.astype(np.float64), photons.astype(np.float64), offset)


def _moved(shared: tuple, row: tuple) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, "2"]]:
    (model, tried, judges), (place, measured, valid) = shared, row
    pattern = Pattern(model, place, measured, valid & ~judges, model.scan.offset[place])
    offset, _ = pattern.found(tried)
    return *_judged(pattern._replace(valid=valid & judges), offset), offset


def _unmoved(shared: tuple, row: tuple) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, "2"]]:
    (model, _, judges), (place, measured, valid) = shared, row
    offset = model.scan.offset[place]
    return *_judged(Pattern(model, place, measured, valid & judges, offset), offset), offset


def _judged(pattern: Pattern, offset: Float[Array, "2"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    return pattern.misfit(offset), jnp.sum(jnp.where(pattern.valid, pattern.measured, 0))


@dataclass(frozen=True)
class PositionsJudged(AbstractEscape):
    """Refined positions go back to what they were unless `held` patterns are expected better with them than without.

    From the present model and from the same one with the start's positions, object and probe are fitted for `epochs`.
    Unless the misfit of the held-out patterns (see `misfits`) is smaller in the first, by more than the standard error
    of the difference, the second goes on, and positions are not refined any more. Held-out patterns come to where they
    were found.
    """

    held: Dataset
    epochs: int = 5

    def check(self, model):
        scan_of(model)
        if self.epochs < 1:
            raise InputError(f"Positions judged after {self.epochs} epochs; expected 1 or more.")

    def __call__(self, model, start, fit):
        names = [name for name in trainable_names(start) if name in PATHS]
        were = {name: getattr(scan_of(start), name.removeprefix("scan.")) for name in names}
        results = [fit(one, self.epochs, PATHS) for one in (model, replace_parameters(model, were))]
        refined, before = (result.onto(start) for result in results)
        judged, other = misfits(refined, self.held), misfits(before, self.held)
        gain = other.residual - judged.residual
        error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else 0.0
        figures = f"R of held-out patterns {judged.r_factor:.4f} with refined positions, {other.r_factor:.4f} without"
        if not gain.mean() > error:
            return Changed(before, f"positions put back and refined no more: {figures}", PATHS)
        offset = scan_of(model).offset.at[lit_places(self.held)].set(judged.offset)
        return Changed(replace_parameters(model, {OFFSET: offset}), f"refined positions kept: {figures}")
