"""The reciprocal lattice of a scan, found from its positions alone; NumPy only."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

from ptychograd.core.fourier import exact_fft, frequencies

SHARP = 0.9  # of the structure factor: a scan has a lattice along waves above it
SEARCHED = 1600  # positions next to the middle, among which waves are looked for
BINS = 5  # of their histogram, along a mean step
FAINT = 0.5  # of the structure factor in the histogram's transform, which lowers it
PERIODS = 3.5  # that a wave has across the scan, at least
FEWEST = 25  # positions
OBLIQUE = 1.2  # times the mean length of two basis waves: their sum or difference is of first order up to there


class ReciprocalLattice(NamedTuple):
    """Plane waves exp(iK·r) that have the same phase at all positions of a scan: those of first order.

    Args:
        waves: K (wave, (y, x)) in radians per unit of the positions, one of K and -K: two of a rectangular scan, three
            of a hexagonal one, none of a scan without a lattice.
        structure_factor: mean of exp(-iK·r) over the positions r (wave).
    """

    waves: Float[np.ndarray, "wave 2"]
    structure_factor: Complex[np.ndarray, " wave"]


def reciprocal_lattice(positions: Float[np.ndarray, "index 2"]) -> ReciprocalLattice:
    """The first orders of a scan's reciprocal lattice: rectangular, hexagonal or oblique, however it is turned.

    Of a scan that repeats along one direction only it is one wave, and of jittered or spiral ones there is none: only
    waves whose structure factor |Σ exp(-iK·r)| / N is above 0.9 count.
    """
    places = np.asarray(positions, np.float64)
    basis: list[np.ndarray] = []
    if len(places) >= FEWEST and np.isfinite(places).all():
        distance = np.sum((places - places.mean(axis=0)) ** 2, axis=1)
        near = places[np.argsort(distance, kind="stable")[:SEARCHED]]
        for candidate in _candidates(near):
            if len(basis) < 2 and _is_new(candidate, basis, near):
                wave = _refined(candidate, near)
                wave = _refined(wave, places) if _is_sharp(wave, near) else wave
                basis += [wave] if _is_sharp(wave, places) and _is_new(wave, basis, places) else []
    if len(basis) == 2:
        shortest = min((basis[0] + basis[1], basis[0] - basis[1]), key=np.linalg.norm)
        limit = OBLIQUE * np.mean([np.linalg.norm(wave) for wave in basis])
        basis += [shortest] if np.linalg.norm(shortest) < limit and _is_sharp(shortest, places) else []
    waves = np.array(basis).reshape(-1, 2)
    return ReciprocalLattice(waves, structure_factor(waves, places))


def structure_factor(
    waves: Float[np.ndarray, "wave 2"], places: Float[np.ndarray, "index 2"]
) -> Complex[np.ndarray, " wave"]:
    """Mean of exp(-iK·r) over the places r."""
    return np.exp(-1j * places @ waves.T).sum(axis=0) / max(len(places), 1)


def _candidates(places: Float[np.ndarray, "index 2"]) -> Iterator[Float[np.ndarray, "2"]]:
    """Waves at peaks of the transform of the positions' histogram, the longest wavelengths first."""
    extent, step = np.ptp(places, axis=0), _mean_step(places)
    if not step > 0:
        return
    width = step / BINS
    shape = tuple(2 * (round(float(side / width)) + 1) for side in extent)  # half zeros: peaks lie between pixels too
    histogram = np.zeros(shape)
    np.add.at(histogram, tuple(np.round((places - places.min(axis=0)) / width).astype(int).T), 1 / len(places))
    power = np.abs(exact_fft(histogram)) ** 2 * histogram.size
    power[shape[0] // 2 + 1 :] = 0  # one of K and -K
    peaks = _peaks(power, FAINT**2)
    waves = 2 * np.pi / width * np.stack([frequencies(n)[k] for n, k in zip(shape, peaks.T, strict=True)], axis=-1)
    yield from waves[np.argsort(np.linalg.norm(waves, axis=1), kind="stable")]


def _peaks(power: Float[np.ndarray, "y x"], least: float) -> Int[np.ndarray, "peak 2"]:
    """Pixels above `least` that have no higher neighbour, around the edges."""
    high = np.argwhere(power > least)
    around = (high[:, None] + np.argwhere(np.ones((3, 3))) - 1) % power.shape
    return high[power[tuple(high.T)] >= power[tuple(around.T)].max(axis=0, initial=0)]


def _mean_step(places: Float[np.ndarray, "index 2"]) -> float:
    """Side of a square as large as the area of one position; along a line the distance from one to the next."""
    count = len(places)
    narrow, wide = np.sqrt(12 * np.maximum(np.linalg.eigvalsh(np.cov(places.T)), 0))
    return float(max(np.sqrt(narrow * wide / count), wide / count))


def _refined(wave: Float[np.ndarray, "2"], places: Float[np.ndarray, "index 2"]) -> Float[np.ndarray, "2"]:
    """The wave next to this one whose phases at the places differ least; along them, where they are on a line."""
    centred = places - places.mean(axis=0)
    square = centred.T @ centred
    inverse = np.linalg.pinv(square, rcond=1e-9, hermitian=True)
    wave = inverse @ square @ wave
    for _ in range(3):
        values = np.exp(-1j * centred @ wave)
        wave = wave + inverse @ (centred.T @ np.angle(values * np.conj(values.mean())))
    return wave


def _is_sharp(wave: Float[np.ndarray, "2"], places: Float[np.ndarray, "index 2"]) -> bool:
    return bool(abs(structure_factor(wave[None], places)[0]) > SHARP)


def _is_new(wave: Float[np.ndarray, "2"], basis: list[np.ndarray], places: Float[np.ndarray, "index 2"]) -> bool:
    """Whether what a wave has across those of the basis goes through enough periods."""
    across = wave
    for other in basis:
        across = across - other * (across @ other) / (other @ other)
    return bool(np.ptp(places @ across) > 2 * np.pi * PERIODS)
