"""The holograms of patterns, laid on one another: T = Σ P* χ / (Σ |P|² + ridge), and where another one fits on it."""

import copy
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from ptychograd.core.fourier import fast_size, padded_fft, padded_ifft
from ptychograd.refinement.positions.placement.holograms import Holograms

RIDGE = 0.15  # of the largest |P|²
EXPLAINED = 60.0  # what the explained share of a hologram weighs, beside the logarithm of the prior
TAIL = 5.0  # degrees of freedom of Student's t, the prior of errors: large ones are rare, not impossible
NEXT = 5  # pixels around the best place, in which there is no other


class Fit(NamedTuple):
    """Where a hologram fits best, (y, x) in whole pixels of the mosaic, and by how much better than elsewhere."""

    corner: Int[np.ndarray, "2"]
    margin: float


class Prior(NamedTuple):
    """How likely a place is that is so far from the expected one: Student's t along y and x, within a square.

    Args:
        log: its logarithm, (1 + 2 radius, 1 + 2 radius), 0 in the middle.
        radius: how far places are looked for, in pixels.
    """

    log: Float[np.ndarray, "y x"]
    radius: int

    @classmethod
    def of(cls, error: float, radius: int) -> "Prior":
        """For errors of this standard deviation along y and x, in pixels."""
        g = np.arange(-radius, radius + 1)
        square = (g[:, None] ** 2 + g**2) / error**2
        return cls((-(TAIL + 2) / 2 * np.log1p(square / TAIL)).astype(np.float32), radius)


class Mosaic:
    """Holograms on one another, each where it was put.

    It changes as holograms are put on it and taken off: `numerator` and `denominator` are Σ P* χ and Σ |P|² of those
    that lie on it, `corner` is where each of them begins, and `expected` where it is looked for.
    """

    def __init__(self, holograms: Holograms, nominal: Float[np.ndarray, "pattern 2"], prior: Prior):
        self.holograms, self.prior, self.size = holograms, prior, np.array(holograms.power.shape)
        self.ridge = RIDGE * holograms.power.max()
        shape = [fast_size(int(n) + 2 * prior.radius) for n in self.size]
        self.transform_shape = (shape[0], shape[1])
        self.power = np.conj(padded_fft(holograms.power, self.transform_shape)).astype(np.complex64)
        self.margin = 2 * prior.radius + int(np.ceil(0.2 * np.ptp(nominal, axis=0).max()))
        self.shape = tuple(np.rint(np.ptp(nominal, axis=0)).astype(int) + self.size + 2 * self.margin)
        self.numerator, self.denominator = np.zeros(self.shape, np.complex64), np.zeros(self.shape, np.float32)
        self.lies = np.zeros(len(nominal), bool)
        self.expected = self.corner = np.zeros((len(nominal), 2), int)
        self.expect(nominal - nominal.min(0) + self.margin)
        self.corner = self.expected.copy()

    def expect(self, corners: Float[np.ndarray, "pattern 2"]) -> None:
        """Look for holograms about these places from now on."""
        r = self.prior.radius
        self.expected = np.clip(np.rint(corners).astype(int), r, np.array(self.shape) - self.size - r)

    def put(self, number: int, corner: Int[np.ndarray, "2"]) -> None:
        """Put a hologram there."""
        self.corner[number] = corner
        self._add(number, 1)

    def take(self, number: int) -> None:
        """Take a hologram off."""
        self._add(number, -1)

    def fit(self, number: int) -> Fit:
        """The best place of a hologram within the radius of the expected one, if it does not lie on the mosaic.

        At a place it explains Σ|χ|² - Σ|χ - P T|² = 2 Re Σ (P* χ)* T - Σ |P|² |T|² of its energy: two correlations.
        """
        r, count = self.prior.radius, 2 * self.prior.radius + 1
        near = self._part(self.expected[number] - r, self.size + 2 * r)
        there = self.numerator[near] / (self.denominator[near] + self.ridge)
        piece = np.conj(padded_fft(self.holograms.weighted[number], self.transform_shape))
        common = np.real(padded_ifft(padded_fft(there, self.transform_shape) * piece))
        energy = np.real(padded_ifft(padded_fft(np.abs(there) ** 2, self.transform_shape) * self.power))
        explained = (2 * common - energy)[:count, :count] / self.holograms.energy[number]
        value = EXPLAINED * explained + self.prior.log
        y, x = divmod(int(np.argmax(value)), count)
        best = value[y, x]
        value[max(0, y - NEXT) : y + NEXT + 1, max(0, x - NEXT) : x + NEXT + 1] = -np.inf
        return Fit(self.expected[number] + (y - r, x - r), float(best - value.max()))

    def explained(self, number: int) -> float:
        """The share of a hologram's energy that the others on the mosaic explain where it lies."""
        self.take(number)
        at = self._part(self.corner[number], self.size)
        there = self.numerator[at] / (self.denominator[at] + self.ridge)
        common = np.sum(np.conj(self.holograms.weighted[number]) * there).real
        self.put(number, self.corner[number])
        return float((2 * common - np.sum(self.holograms.power * np.abs(there) ** 2)) / self.holograms.energy[number])

    def found(self, others: Holograms, expected: Float[np.ndarray, "pattern 2"]) -> Int[np.ndarray, "pattern 2"]:
        """Where other holograms fit best on this mosaic, about these places; they are not put there."""
        other = copy.copy(self)
        other.holograms = others
        other.expect(expected)
        return np.array([other.fit(number).corner for number in range(len(expected))]).reshape(-1, 2)

    def near(self, number: int) -> Bool[np.ndarray, " pattern"]:
        """Which holograms a change at this one's place can concern."""
        reach = self.prior.radius + self.size.mean() / 2
        return np.hypot(*(self.expected - self.corner[number]).T) < reach

    @property
    def score(self) -> float:
        """How well all holograms agree, with the prior of their places."""
        numbers = np.flatnonzero(self.lies)
        offset = np.clip(self.corner - self.expected + self.prior.radius, 0, 2 * self.prior.radius)[numbers]
        explained = np.sum(np.abs(self.numerator) ** 2 / (self.denominator + self.ridge), dtype=np.float64)
        prior = self.prior.log[offset[:, 0], offset[:, 1]].sum(dtype=np.float64)
        return float(EXPLAINED * explained / self.holograms.energy.mean() + prior)

    @property
    def image(self) -> Complex[np.ndarray, "y x"]:
        """T, the transmission less its mean, with its twin."""
        return self.numerator / (self.denominator + self.ridge)

    def _add(self, number: int, sign: int) -> None:
        at = self._part(self.corner[number], self.size)
        self.numerator[at] += sign * self.holograms.weighted[number]
        self.denominator[at] += sign * self.holograms.power
        self.lies[number] = sign > 0

    def _part(self, corner: Int[np.ndarray, "2"], size: Int[np.ndarray, "2"]) -> tuple[slice, slice]:
        (y, x), (height, width) = corner, size
        return slice(y, y + height), slice(x, x + width)
