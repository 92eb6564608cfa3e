"""What patterns leave that are all alike: with what a model explains beyond that, a verdict begins."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from ptychograd.data.dataset import Dataset
from ptychograd.data.patterns import blocks, illuminated_positions
from ptychograd.physics.noise.base import BRIGHT, residual_at_root

Patterns = Float[np.ndarray, "*positions group y x"]
FEWEST_HELD = 2  # patterns that are held out, to judge
PIXELS, FEWEST = 2**24, 16  # of the patterns that are compared with the mean pattern


class Alike(NamedTuple):
    """What patterns leave that are all alike but for their brightness, as well as a noise model lets them fit.

    A noise model of roots is led by few photons to √h = E√y, which is below √E[y]: what is right then leaves a χ² of
    `least`, of all others 1. `left` is Σ(√h - √y)², `noise` what that would be if patterns were alike, `each` the
    noise of a photon's pixel, c, and `illuminated` the share of the detector's pixels in which the light is,
    (Σm)² / (n Σm²) of the mean m.
    """

    root: Patterns
    is_of_roots: bool
    left: float
    photons: float
    least: float
    each: float
    illuminated: float
    noise: float

    @property
    def signal(self) -> float:
        """How much more patterns differ from one another than photons scatter, over that scatter; none is 0."""
        return max(0.0, self.left / max(self.noise, 1e-30) - 1)

    def of_each(self, data: Dataset, places: Int[np.ndarray, " place"]) -> Float64[np.ndarray, " place"]:
        """Σ(√h - √y)² of each position."""
        return np.concatenate([self._left(*part) for part in _measured(data, places)])

    def _left(self, measured: Patterns, valid: Bool[np.ndarray, "part group y x"]) -> Float64[np.ndarray, " part"]:
        axes, seen = (1, 2, 3), np.sqrt(measured)
        shown = self.root * valid
        if self.is_of_roots:
            size = np.sum(shown * seen, axis=axes) / np.maximum(np.sum(shown**2, axis=axes), 1e-30)
        else:
            size = np.sqrt(measured.sum(axis=axes) / np.maximum(np.sum(shown**2, axis=axes), 1e-30))
        return ((shown * size[:, None, None, None] - seen) ** 2).sum(axis=axes, dtype=np.float64)


def fit_of_mean(data: Dataset, is_of_roots: bool) -> Alike:
    """What patterns leave that are all alike, under a noise model `is_of_roots` of counts, or of counts themselves."""
    places = illuminated_positions(data)  # of a scan that ended early others may not be there
    each = data.frame_shape[0] * data.frame_shape[1] * data.group
    count = min(len(places), max(FEWEST, PIXELS // each))
    places = places[np.unique(np.linspace(0, len(places) - 1, count).astype(int))]
    parts = [(m.sum(axis=0), np.sqrt(m).sum(axis=0), v.sum(axis=0)) for m, v in _measured(data, places)]
    photons, roots, seen = (np.sum(part, axis=0, dtype=np.float64) for part in zip(*parts, strict=True))
    mean = photons / np.maximum(seen, 1)
    root = roots / np.maximum(seen, 1) if is_of_roots else np.sqrt(mean)
    least, noise = noise_about(mean) if is_of_roots else (1.0, residual_at_root(np.minimum(root, BRIGHT)))
    each = float(np.sum(mean * noise) / max(np.sum(mean), 1e-30))
    illuminated = float(np.sum(mean) ** 2 / max(mean.size * np.sum(mean**2), 1e-30))
    scatter = float(np.sum(noise * seen))
    found = Alike(root.astype(np.float32), is_of_roots, 0.0, float(photons.sum()), least, each, illuminated, scatter)
    left = float(found.of_each(data, places).sum())
    are_alike = min(1.0, scatter / max(left, 1e-30))  # others are brighter where they have light
    return found._replace(left=left, least=1 + (least - 1) * are_alike)


def noise_about(mean: Patterns) -> tuple[float, Patterns]:
    """χ² that √h = E√y leaves of counts with these means, and E[(√y - E√y)²]."""
    root = np.minimum(np.sqrt(mean), BRIGHT)
    bias = residual_at_root(root) / np.maximum(2 * root, 1e-15)  # √E[y] - E√y
    noise = residual_at_root(root) - bias**2
    return float(np.sum(noise) / max(np.sum(residual_at_root(np.maximum(root - bias, 0))), 1e-30)), noise


def _measured(
    data: Dataset, places: Int[np.ndarray, " place"]
) -> Iterator[tuple[Patterns, Bool[np.ndarray, "part group y x"]]]:
    """Photons of the patterns at these positions, 0 where invalid, and valid pixels; as many at a time as fit."""
    for block in blocks(places, data):
        some = places[block]
        patterns, mask = data.frames((some[:, None] * data.group + np.arange(data.group)).ravel())
        shape = (len(some), data.group, *data.frame_shape)
        measured = np.where(mask, patterns, 0).reshape(shape).astype(np.float32)
        yield measured, np.broadcast_to(mask, patterns.shape).reshape(shape)


def explained_by_held(held: Dataset, left: Float[np.ndarray, " lit"], alike: Alike) -> float | None:
    """By how many standard errors over patterns the model leaves less of those held out than patterns all alike do.

    A pattern's share of the larger of the two is what counts: bright ones would scatter by their photons. None of one.
    """
    by_mean = alike.of_each(held, illuminated_positions(held))
    if len(by_mean) < FEWEST_HELD:
        return None
    gain = (by_mean - left) / np.maximum(np.maximum(by_mean, left), 1e-30)
    return float(np.mean(gain) / max(np.std(gain, ddof=1) / np.sqrt(len(gain)), 1e-30))
