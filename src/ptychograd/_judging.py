"""Whether refined positions serve patterns that had no part in refining them."""

from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ptychograd._dataset import Dataset
from ptychograd._epoch import on_device
from ptychograd._errors import InputError
from ptychograd._escapes import AbstractEscape, Changed
from ptychograd._model import AbstractModel
from ptychograd._noise import amplitude
from ptychograd._parameters import replace_parameters, trainable_names
from ptychograd._scan import CORRECTED, RefinableScan

PATHS = tuple(f"scan.{name}" for name in CORRECTED)
SPREAD = 2.5  # times the rms of all corrections: how far the position of a held-out pattern is looked for
FARTHEST = 12  # pixels
STEPS, LONGEST = 12, 0.7  # Gauss-Newton steps for a position, and pixels of each at most
DAMPING = 1e-3  # of the curvature


class Misfits(NamedTuple):
    """Σ(√h - √y)² and Σy of each held-out pattern, over the half of its pixels that did not tell its position."""

    residual: Float[np.ndarray, " pattern"]
    photons: Float[np.ndarray, " pattern"]

    @property
    def r_factor(self) -> float:
        """R of all together."""
        return float(np.sqrt(self.residual.sum() / self.photons.sum()))


def misfits(model: AbstractModel, held: Dataset) -> Misfits:
    """How well a model expects patterns that it was not fitted to, each at its own position.

    The position of a held-out pattern is refined by nobody; where others' were, it is found here from a random half of
    the pattern's pixels, with everything else as it is, and the misfit taken over the other half.
    """
    scan, model = _scan_of(model), on_device(model)
    places = _places(held)
    patterns, valid, judges = _pixels(held, places, scan.offset.dtype)
    spread = float(np.sqrt(np.mean(np.square(scan.offset))))

    def one(item: tuple) -> tuple[Float[Array, ""], Float[Array, ""]]:
        place, pattern, valid = item
        judged = _Pattern(model, place, pattern, valid & ~judges, scan.offset[place])
        offset = judged.found(_whole_pixels(spread).astype(scan.offset.dtype)) if spread > 0 else scan.offset[place]
        other = judged._replace(valid=valid & judges)
        return other.misfit(offset), jnp.sum(jnp.where(other.valid, pattern, 0))

    residual, photons = jax.lax.map(one, (jnp.asarray(places), patterns, valid))
    return Misfits(np.asarray(residual, np.float64), np.asarray(photons, np.float64))


class _Pattern(NamedTuple):
    """A pattern (or all of a rocking curve), those of its pixels that count, and its offset as it is."""

    model: AbstractModel
    place: Array
    measured: Array
    valid: Array
    offset: Array

    def modulus(self, offset: Array) -> Array:
        """√h with that offset, 0 where a pixel does not count."""
        model = eqx.tree_at(lambda model: model.scan.offset, self.model, offset[None])
        return jnp.where(self.valid, amplitude(model.together(self.place)), 0)

    def misfit(self, offset: Array) -> Array:
        """Σ(√h - √y)²."""
        return jnp.sum((self.modulus(offset) - jnp.where(self.valid, amplitude(self.measured), 0)) ** 2)

    def found(self, tried: Array) -> Array:
        """The offset of the least misfit: the best of those `tried` about the present one, and down from there."""
        start = self.offset + tried[jnp.argmin(jax.lax.map(lambda step: self.misfit(self.offset + step), tried))]

        def better(best: tuple, _: None) -> tuple[tuple, None]:
            offset, least = best
            moved = offset + self._step(offset)
            misfit = self.misfit(moved)
            is_less = misfit < least
            return (jnp.where(is_less, moved, offset), jnp.where(is_less, misfit, least)), None

        (offset, _), _ = jax.lax.scan(better, (start, self.misfit(start)), None, length=STEPS)
        return offset

    def _step(self, offset: Array) -> Array:
        """The Gauss-Newton step, with a derivative along y and one along x."""
        along = jnp.eye(2, dtype=offset.dtype)
        slopes = [jax.jvp(self.modulus, (offset,), (axis,))[1] for axis in along]
        rest = jnp.where(self.valid, amplitude(self.measured), 0) - self.modulus(offset)
        curvature = jnp.array([[jnp.vdot(one, other) for other in slopes] for one in slopes])
        size = jnp.trace(curvature)
        known = size > 0
        damped = jnp.where(known, curvature + DAMPING * size * along, along)
        step = jnp.where(known, jnp.linalg.solve(damped, jnp.array([jnp.vdot(one, rest) for one in slopes])), 0)
        return step * jnp.minimum(1, LONGEST / jnp.maximum(jnp.linalg.norm(step), 1e-6))


@dataclass(frozen=True)
class PositionsJudged(AbstractEscape):
    """Refined positions go back to what they were unless `held` patterns are expected better with them than without.

    From the present model and from the same one with the start's positions, object and probe are fitted for `epochs`.
    Unless the misfit of the held-out patterns (see `misfits`) is smaller in the first, by more than the standard error
    of the difference, the second goes on, and positions are not refined any more.
    """

    held: Dataset
    epochs: int = 5

    def check(self, model):
        _scan_of(model)
        if self.epochs < 1:
            raise InputError(f"Positions judged after {self.epochs} epochs; expected 1 or more.")

    def __call__(self, model, start, fit):
        names = [name for name in trainable_names(start) if name in PATHS]
        were = {name: getattr(_scan_of(start), name.removeprefix("scan.")) for name in names}
        results = [fit(one, self.epochs, PATHS) for one in (model, replace_parameters(model, were))]
        refined, before = (result.onto(start) for result in results)
        judged, other = misfits(refined, self.held), misfits(before, self.held)
        gain = other.residual - judged.residual
        error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else 0.0
        figures = f"R of held-out patterns {judged.r_factor:.4f} with refined positions, {other.r_factor:.4f} without"
        if not gain.mean() > error:
            return Changed(before, f"positions put back and refined no more: {figures}", PATHS)
        return Changed(model, f"refined positions kept: {figures}")


def _scan_of(model: AbstractModel) -> RefinableScan:
    scan = getattr(model, "scan", None)
    if not isinstance(scan, RefinableScan):
        raise InputError("The model's positions can't be refined; make it one by `with_refinable_positions`.")
    return scan


def _places(held: Dataset) -> np.ndarray:
    """Numbers of the positions whose patterns are held out: those that have a photon."""
    return np.flatnonzero(held.photons.reshape(-1, held.group).sum(axis=1))


def _pixels(held: Dataset, places: np.ndarray, dtype: np.dtype) -> tuple[Array, Array, Bool[np.ndarray, "y x"]]:
    """Patterns and valid pixels, one entry a position, and the half of a frame's pixels that judge."""
    patterns, mask = held.frames((places[:, None] * held.group + np.arange(held.group)).ravel())
    shape = (len(places), *((held.group,) if held.group > 1 else ()), *held.frame_shape)
    valid = np.broadcast_to(mask, patterns.shape).reshape(shape)
    judges = np.random.default_rng(0).permuted(np.arange(np.prod(held.frame_shape)) % 2 == 0)
    return (
        jnp.asarray(np.where(valid, np.asarray(patterns).reshape(shape), 0), dtype),
        jnp.asarray(valid),
        judges.reshape(held.frame_shape),
    )


def _whole_pixels(spread: float) -> Array:
    """Steps by whole pixels within a few times the spread of positions."""
    farthest = min(FARTHEST, int(np.ceil(SPREAD * spread)))
    along = np.arange(-farthest, farthest + 1)
    steps = np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)
    return jnp.asarray(steps[np.hypot(*steps.T) <= farthest], jnp.float32)
