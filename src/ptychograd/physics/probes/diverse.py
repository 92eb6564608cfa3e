"""Modes that differ: where some are empty, equal or mixtures of others, descent can't move them; NumPy only."""

import itertools
import warnings
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Complex, Float

from ptychograd.core.errors import InputError

EMPTY = 1e-10  # of the strongest mode's power: such a mode is none
MIXTURE = 1e-8  # of a mode's power, beside which nothing is left of it that others don't hold


def diverse_modes(waves: Complex[np.ndarray, "given y x"], count: int) -> Complex[np.ndarray, "modes y x"]:
    """`count` modes with the power of `waves`: the strongest of these, then others that differ from them.

    The others are the strongest wave times products of coordinates, like the modes of a laser, each with
    half the power of the one before. They have to differ: modes that are empty stay empty, and those that are mixtures
    of others stay so, as the derivative is the same linear map for all modes. Where a given one is, another takes its
    place, with a warning.
    """
    if count > waves[0].size:
        raise InputError(f"{count} modes can't differ on {waves.shape[1]} x {waves.shape[2]} pixels; give fewer.")
    largest = _largest(waves)
    units = waves.astype(np.complex128) / largest
    given = units[np.argsort(-np.sum(np.abs(units) ** 2, axis=(1, 2)), kind="stable")]
    modes = independent(given, count)
    own, lost = len(modes), min(count, len(waves)) - len(modes)
    if lost:
        warnings.warn(
            f"{lost} of the {len(waves)} start modes of the probe are empty or mixtures of the others, and would stay "
            "so: others take their place.",
            stacklevel=2,
        )
    modes = independent(itertools.chain(modes, _others(given[0], count + len(given))), count)
    for number in range(own, len(modes)):
        modes[number] = modes[number] * np.sqrt(0.5 * _power(modes[number - 1]) / _power(modes[number]))
    stack = np.stack(modes)
    return stack * (largest * np.sqrt(_power(units) / _power(stack)))


def varied(wave: Complex[np.ndarray, "y x"], count: int) -> Complex[np.ndarray, "count y x"]:
    """`count` waves of the power of `wave` that differ from it, in amplitude and phase alike: starts of variations."""
    unit = wave.astype(np.complex128) / _largest(wave)
    others = np.stack(independent(itertools.chain([unit], _others(unit, count + 1)), count + 1)[1:])
    powers = np.sum(np.abs(others) ** 2, axis=(1, 2), keepdims=True)
    return others * (1 + 1j) / np.sqrt(2) * np.sqrt(_power(unit) / powers) * _largest(wave)


def _largest(waves: Complex[np.ndarray, "..."]) -> float:
    """The largest magnitude, by which waves are divided before they are squared."""
    largest = float(np.max(np.abs(waves)))
    if not 0 < largest < np.inf:
        raise InputError("A probe that is 0 everywhere, or not finite, makes no modes; give another.")
    return largest


def _power(wave: Complex[np.ndarray, "..."]) -> float:
    return float(np.sum(np.abs(wave) ** 2))


def independent(waves: Iterable[Complex[np.ndarray, "y x"]], most: int) -> list[np.ndarray]:
    """The first `most` waves of which none is empty beside the first, or a mixture of those before (Gram, Schmidt)."""
    kept, basis = [], np.zeros((0, 0), complex)
    for wave in waves:
        power = _power(wave)
        if not power > (EMPTY * _power(kept[0]) if kept else 0):
            continue
        rest = wave.ravel() / np.sqrt(power)
        if kept:
            for _ in range(2):  # the second time takes away what rounding left
                rest = rest - (basis.conj() @ rest) @ basis
        if _power(rest) <= MIXTURE:
            continue
        rest = rest[None] / np.sqrt(_power(rest))
        kept, basis = [*kept, wave], np.concatenate([basis, rest]) if kept else rest
        if len(kept) == most:
            break
    return kept


def _others(wave: Complex[np.ndarray, "y x"], count: int) -> Iterator[np.ndarray]:
    """Waves that differ from `wave`: its products with those of coordinates, low orders first; then it moved about."""
    y, x = _standard_coordinates(np.abs(wave) ** 2)
    for i, j in itertools.islice(_orders(), 2 * count):
        other = wave * y**i * x**j
        if not other.any():  # a wave one pixel wide has no coordinate to vary with; its neighbours take part
            other = np.roll(wave, (i, j), axis=(0, 1))
        yield other / _largest(other)
    for place in np.ndindex(wave.shape):
        yield np.roll(wave, place, axis=(0, 1))
    for place in range(wave.size):
        yield (np.arange(wave.size) == place).reshape(wave.shape).astype(complex)


def _orders() -> Iterator[tuple[int, int]]:
    """Exponents of two coordinates, not both 0, by their sum."""
    return ((i, total - i) for total in itertools.count(1) for i in range(total + 1))


def _standard_coordinates(power: Float[np.ndarray, "y x"]) -> list[np.ndarray]:
    """Distance from the middle of a distribution along each axis, in units of its width."""
    coordinates = []
    for grid in np.meshgrid(*(np.arange(n) for n in power.shape), indexing="ij"):
        centre = np.average(grid, weights=power)
        width = np.sqrt(np.average((grid - centre) ** 2, weights=power))
        coordinates.append((grid - centre) / max(width, 1e-6))
    return coordinates
