"""Patterns by their positions: which have photons, and as many of them together as fit into memory."""

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ptychograd.data.dataset import Dataset

AT_ONCE = 2**28  # bytes of patterns that are in memory together, with what they are converted to
BYTES = 24  # of a pixel: its counts, float32 twice, what is valid, and what a pattern tells


def illuminated_positions(data: Dataset) -> Int[np.ndarray, " lit"]:
    """Numbers of the positions whose patterns have photons."""
    return np.flatnonzero(data.photons.reshape(-1, data.group).sum(axis=1))


def contrast(data: Dataset) -> float:
    """How much the photons of patterns differ, as the standard deviation over the mean, beyond their noise.

    It is large where a sample absorbs: next to nothing over one that only bends the beam.
    """
    photons = data.photons.reshape(-1, data.group).sum(axis=1)[illuminated_positions(data)]
    if len(photons) < 2:
        return 0.0
    mean = float(np.mean(photons))
    return float(np.sqrt(max(0.0, float(np.var(photons)) - mean))) / mean


def blocks(places: Int[np.ndarray, " place"], data: Dataset) -> Iterator[slice]:
    """Parts of so many positions that their patterns fit into memory, one position at least."""
    size = max(1, AT_ONCE // (BYTES * data.group * int(np.prod(data.frame_shape))))
    yield from (slice(first, first + size) for first in range(0, max(1, len(places)), size))


def measured(
    data: Dataset, places: Int[np.ndarray, " place"], dtype: np.dtype
) -> tuple[Float[Array, "place *detector"], Bool[Array, "place *detector"]]:
    """Photons of the patterns at these positions, 0 where invalid, and their valid pixels; all of a rocking curve."""
    patterns, mask = data.frames((places[:, None] * data.group + np.arange(data.group)).ravel())
    shape = (len(places), *((data.group,) if data.group > 1 else ()), *data.frame_shape)
    valid = np.broadcast_to(mask, patterns.shape).reshape(shape)
    counts = np.where(valid, np.asarray(patterns).reshape(shape), 0)
    return jnp.asarray(counts, dtype), jnp.asarray(valid)
