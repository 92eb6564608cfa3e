"""Modes that differ: where some are empty, equal or mixtures of others, descent can't move them; NumPy only."""

import itertools
import warnings
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Complex, Float

from ptychograd.core.errors import InputError

EMPTY = 1e-10  # of the strongest mode's power: such a mode is none
MIXTURE = 1e-8  # of a mode's power, beside which nothing is left of it that others don't hold
TELLING, AT_ONCE = 2**14, 2**18  # pixels of a wave that tell it from most others; that are taken together


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
    units = waves / largest
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
        modes[number] = modes[number] * float(np.sqrt(0.5 * _power(modes[number - 1]) / _power(modes[number])))
    stack = np.stack(modes)
    return stack * (largest * float(np.sqrt(_power(units) / _power(stack))))


def varied(wave: Complex[np.ndarray, "y x"], count: int) -> Complex[np.ndarray, "count y x"]:
    """`count` waves of the power of `wave` that differ from it, in amplitude and phase alike: starts of variations."""
    unit = wave / _largest(wave)
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
    return float(np.sum(np.abs(wave) ** 2, dtype=np.float64))


def lost(waves: Complex[np.ndarray, "waves y x"]) -> int:
    """How many waves are empty, or mixtures of the others."""
    return len(waves) - len(independent(waves, len(waves)))


def independent(waves: Iterable[Complex[np.ndarray, "y x"]], most: int) -> list[np.ndarray]:
    """The first `most` waves of which none is empty beside the first, or a mixture of those before.

    What a sample of the pixels can't mix from those before, all pixels can't either, so most are told by a few.
    """
    retained, strongest, basis = [], 0.0, np.zeros((0, 0), complex)
    for wave in waves:
        power = _exact_power(wave)
        if not power > EMPTY * strongest:
            continue
        sample = wave.ravel()[:: -(-wave.size // TELLING)].astype(np.complex128) / np.sqrt(power)
        rest = _aside(sample, basis) if retained else sample
        if not _power(rest) > MIXTURE and not _left(wave, retained) > MIXTURE * power:
            continue
        rest = rest[None] / (np.sqrt(_power(rest)) or 1.0)
        retained, basis = [*retained, wave], np.concatenate([basis, rest]) if retained else rest
        strongest = strongest or power
        if len(retained) == most:
            break
    return retained


def _others(wave: Complex[np.ndarray, "y x"], count: int) -> Iterator[np.ndarray]:
    """Waves that differ from `wave`: its products with those of coordinates, low orders first; then it moved about."""
    y, x = _standard_coordinates(np.abs(wave) ** 2)
    for i, j in itertools.islice(_orders(), 2 * count):
        other = wave * (y[:, None] ** i * x**j).astype(np.real(wave).dtype)
        if not other.any():  # a wave one pixel wide has no coordinate to vary with; its neighbours take part
            other = np.roll(wave, (i, j), axis=(0, 1))
        yield other / _largest(other)
    for place in np.ndindex(wave.shape):
        yield np.roll(wave, place, axis=(0, 1))
    for place in range(wave.size):
        yield (np.arange(wave.size) == place).reshape(wave.shape).astype(wave.dtype)


def _orders() -> Iterator[tuple[int, int]]:
    """Exponents of two coordinates, not both 0, by their sum."""
    return ((i, total - i) for total in itertools.count(1) for i in range(total + 1))


def _standard_coordinates(power: Float[np.ndarray, "y x"]) -> list[Float[np.ndarray, " pixel"]]:
    """Distance from the middle of a distribution along each axis, in units of its width."""
    coordinates = []
    for across in (1, 0):
        weights = power.sum(axis=across, dtype=np.float64)
        places = np.arange(weights.size)
        centre = np.average(places, weights=weights)
        width = np.sqrt(np.average((places - centre) ** 2, weights=weights))
        coordinates.append((places - centre) / max(width, 1e-6))
    return coordinates


def _aside(wave: Complex[np.ndarray, " pixel"], basis: Complex[np.ndarray, "wave pixel"]) -> np.ndarray:
    """What is left of a wave beside an orthonormal basis (Gram, Schmidt)."""
    for _ in range(2):  # the second time takes away what rounding left
        wave = wave - (basis.conj() @ wave) @ basis
    return wave


def _left(wave: Complex[np.ndarray, "y x"], others: Sequence[Complex[np.ndarray, "y x"]]) -> float:
    """Power that is left of a wave when the mixture of others that is nearest to it is taken away."""
    if not others:
        return _exact_power(wave)
    stack = [other.ravel() for other in (*others, wave)]
    scales = np.sqrt([_exact_power(one) for one in stack])

    def parts() -> Iterator[np.ndarray]:
        for begin in range(0, wave.size, AT_ONCE):
            part = np.stack([one[begin : begin + AT_ONCE] for one in stack])
            yield part.astype(np.complex128) / scales[:, None]

    products = np.sum([part.conj() @ part.T for part in parts()], axis=0)
    share = np.linalg.lstsq(products[:-1, :-1], products[:-1, -1])[0]
    return float(sum(_power(part[-1] - share @ part[:-1]) for part in parts()) * scales[-1] ** 2)


def _exact_power(wave: Complex[np.ndarray, "..."]) -> float:
    """The power in double precision, in which that of single precision can't overflow."""
    flat = wave.ravel()
    parts = (flat[begin : begin + AT_ONCE].astype(np.complex128) for begin in range(0, flat.size, AT_ONCE))
    return float(sum(np.vdot(part, part).real for part in parts))
