"""One pattern and where it was measured: its misfit at other positions, and the best of them."""

from collections.abc import Iterator
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from ptychograd._dataset import Dataset
from ptychograd._errors import InputError
from ptychograd._model import AbstractModel
from ptychograd._noise import amplitude
from ptychograd._scan import RefinableScan

AT_ONCE = 2**28  # bytes of patterns that are in memory together, with what they are converted to
BYTES = 16  # of a pixel: its counts, float32 twice, and what is valid
FARTHEST = 12  # pixels
STEPS, LONGEST = 12, 0.7  # Gauss-Newton steps for a position, and pixels of each at most
DAMPING = 1e-3  # of the curvature


class Pattern(NamedTuple):
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

    def found(self, tried: Array, steps: int = STEPS) -> tuple[Array, Array]:
        """The offset of the least misfit, and that: of those `tried` about the present one, and down from the best."""
        start = self.offset + tried[jnp.argmin(jax.lax.map(lambda step: self.misfit(self.offset + step), tried))]

        def better(best: tuple, _: None) -> tuple[tuple, None]:
            offset, least = best
            moved = offset + self._step(offset)
            misfit = self.misfit(moved)
            is_less = misfit < least
            return (jnp.where(is_less, moved, offset), jnp.where(is_less, misfit, least)), None

        best, _ = jax.lax.scan(better, (start, self.misfit(start)), None, length=steps)
        return best

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


def scan_of(model: AbstractModel) -> RefinableScan:
    scan = getattr(model, "scan", None)
    if not isinstance(scan, RefinableScan):
        raise InputError("The model's positions can't be refined; make it one by `with_refinable_positions`.")
    return scan


def lit_places(held: Dataset) -> np.ndarray:
    """Numbers of the positions whose patterns are held out: those that have a photon."""
    return np.flatnonzero(held.photons.reshape(-1, held.group).sum(axis=1))


def blocks(places: np.ndarray, data: Dataset, of_pixel: int = BYTES) -> Iterator[slice]:
    """Parts of so many positions that their patterns fit into memory, one position at least; in bytes of a pixel."""
    each = of_pixel * data.group * int(np.prod(data.frame_shape))
    size = max(1, AT_ONCE // each)
    yield from (slice(first, first + size) for first in range(0, max(1, len(places)), size))


def pixels(held: Dataset, places: np.ndarray, dtype: np.dtype) -> tuple[Array, Array, Bool[np.ndarray, "y x"]]:
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


def whole_pixels(farthest: int, spacing: int = 1) -> Array:
    """Steps by whole pixels, along y and x, none longer than the farthest."""
    farthest = min(FARTHEST, farthest)
    along = spacing * np.arange(-(farthest // spacing), farthest // spacing + 1)
    steps = np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)
    return jnp.asarray(steps[np.hypot(*steps.T) <= farthest], jnp.float32)
