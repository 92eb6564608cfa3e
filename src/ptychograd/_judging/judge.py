"""How well held-out patterns are expected, and whether refined positions serve them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ptychograd._dataset import Dataset
from ptychograd._epoch import of_each, on_device
from ptychograd._errors import InputError
from ptychograd._escapes import AbstractEscape, Changed
from ptychograd._judging.pattern import OFFSET, Pattern, Row, blocks, lit_places, pixels, scan_of, whole_pixels
from ptychograd._model import AbstractModel
from ptychograd._noise import AbstractNoise, Amplitude
from ptychograd._parameters import (
    is_parameter,
    named_parameters,
    real_dtype,
    replace_parameters,
    trainable_names,
)
from ptychograd._scan import CORRECTED

PATHS = tuple(f"scan.{name}" for name in CORRECTED)
FEW = 16  # starts from which to go down, where a pattern has more of its own than its position
SPREAD = 2.5  # times the rms of all corrections: how far the position of a held-out pattern is looked for


class Misfits(NamedTuple):
    """Σ(√h - √y)² and Σy of each held-out pattern, over the half of its pixels that did not tell its rows.

    Besides `rows`, what the other half told: of each array with one row a pattern that was refined, by path, these
    patterns' own.
    """

    residual: Float[np.ndarray, " pattern"]
    photons: Float[np.ndarray, " pattern"]
    rows: dict[str, Float[np.ndarray, "pattern k"]]

    @property
    def r_factor(self) -> float:
        """R of all together."""
        return float(np.sqrt(self.residual.sum() / self.photons.sum()))


def misfits(model: AbstractModel, held: Dataset, noise: AbstractNoise | None = None) -> Misfits:
    """How well a model expects patterns that it was not fitted to, each with what is its own.

    The position of a held-out pattern, its intensity and its weights are refined by nobody. Where others' were (their
    rows are not all alike) its own are found here from a random half of the pattern's pixels, with everything else as
    it is, and the misfit is taken over the other half: of what the pixels show, as `noise` says it.
    """
    own = _own(model)
    placed, places, found = on_device(model), lit_places(held), []
    dtype = real_dtype(eqx.filter(model, is_parameter))
    tried = _tried(own)
    for block in blocks(places, held):
        patterns, valid, judges = pixels(held, places[block], dtype)
        rows = {path: jnp.asarray(array[places[block]]) for path, array in own.items()}
        each = (jnp.asarray(places[block]), patterns, valid, rows)
        found.append(of_each(_judged, (placed, noise or Amplitude(), tried, jnp.asarray(judges)), each))
    residual, photons, rows = jax.tree.map(lambda *parts: np.concatenate([np.asarray(p) for p in parts]), *found)
    return Misfits(residual.astype(np.float64), photons.astype(np.float64), rows)


def with_rows(model: AbstractModel, held: Dataset, rows: Mapping[str, Float[np.ndarray, "pattern k"]]) -> AbstractModel:
    """The model with these rows (see `Misfits`) for the patterns that are held out."""
    arrays, places = named_parameters(model), lit_places(held)
    return replace_parameters(model, {path: arrays[path].at[places].set(row) for path, row in rows.items()})


def _own(model: AbstractModel) -> dict[str, Array]:
    """Arrays with one row a pattern that were refined, by path: those whose rows are not all alike."""
    arrays = named_parameters(eqx.filter(model, is_parameter))
    known = sorted(path for path in model.rows if path in arrays)
    return {path: arrays[path] for path in known if np.ptp(np.asarray(arrays[path]), axis=0).any()}


def _tried(own: Mapping[str, Array]) -> Row:
    """Steps from which to go down: an offset by all whole pixels, and beside each of these every other number by its
    standard deviation, up and down: weights have several minima.
    """
    still = {path: np.zeros(array.shape[1]) for path, array in own.items()}
    sizes = {path: np.diag(np.std(array, axis=0)) for path, array in own.items() if path != OFFSET}
    aside = [still | {path: sign * step} for path, steps in sizes.items() for step in steps for sign in (1, -1)]
    tried = [still, *aside]
    if OFFSET in own:
        spread = float(np.sqrt(np.mean(np.square(own[OFFSET]))))
        pixels = np.asarray(whole_pixels(int(np.ceil(SPREAD * spread))))
        tried = [one | {OFFSET: pixel} for pixel in pixels for one in tried]
    return {path: jnp.asarray(np.stack([one[path] for one in tried]), own[path].dtype) for path in own}


def _judged(shared: tuple, item: tuple) -> tuple[Float[Array, ""], Float[Array, ""], Row]:
    (model, noise, tried, judges), (place, measured, valid, row) = shared, item
    if row:
        few = 1 if tuple(row) == (OFFSET,) else FEW
        row, _ = Pattern(model, noise, place, measured, valid & ~judges, row).found(tried, few=few)
    left = Pattern(model, noise, place, measured, valid & judges, row)
    return left.misfit(row), jnp.sum(jnp.where(left.valid, measured, 0)), row


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
    noise: AbstractNoise = field(default_factory=Amplitude)

    def check(self, model):
        scan_of(model)
        if self.epochs < 1:
            raise InputError(f"Positions judged after {self.epochs} epochs; expected 1 or more.")

    def __call__(self, model, start, fit):
        names = [name for name in trainable_names(start) if name in PATHS]
        were = {name: getattr(scan_of(start), name.removeprefix("scan.")) for name in names}
        results = [fit(one, self.epochs, PATHS) for one in (model, replace_parameters(model, were))]
        refined, before = (result.onto(start) for result in results)
        judged, other = (misfits(one, self.held, self.noise) for one in (refined, before))
        gain = other.residual - judged.residual
        error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else 0.0
        figures = f"R of held-out patterns {judged.r_factor:.4f} with refined positions, {other.r_factor:.4f} without"
        if not gain.mean() > error:
            return Changed(before, f"positions put back and refined no more: {figures}", PATHS)
        return Changed(with_rows(model, self.held, judged.rows), f"refined positions kept: {figures}")
