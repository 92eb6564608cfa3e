"""The mosaic of holograms, grown as a puzzle is laid: the surest piece first, each against all that lie there.

All errors that patterns share are found on the way: the affine map from given to found positions is fitted to those
that lie, and the others are looked for where it expects them.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real

from ptychograd.refinement.positions.placement.mosaic import Mosaic

MORE = 1.3  # times as many pieces, and all that lie are looked at anew
FIRST = 6  # pieces, when that is done first
FEWEST = 12  # pieces that tell the affine map
SPREAD_OF_MAPS = 0.05  # standard deviation of the entries of A - 1, before anything was looked at
STILL = 0.01  # share of the pieces that may move when all have settled
SWEEPS, LAST_SWEEPS = 2, 8  # over all that lie, at most
ROUNDS = 20  # of reweighting, until what is far off does not count
OUTLIER = 1.5  # times the median distance, from which on a position counts less


class Affine(NamedTuple):
    """The map x -> middle + (1 + matrix)(x - middle) + shift of positions (y, x)."""

    matrix: Float[np.ndarray, "2 2"]
    shift: Float[np.ndarray, "2"]
    middle: Float[np.ndarray, "2"]

    def __call__(self, points: Real[np.ndarray, "point 2"]) -> Float[np.ndarray, "point 2"]:
        """Where these points go."""
        return points + (points - self.middle) @ self.matrix.T + self.shift

    def inverse(self, points: Real[np.ndarray, "point 2"]) -> Float[np.ndarray, "point 2"]:
        """Where these points come from."""
        return self.middle + np.linalg.solve(np.eye(2) + self.matrix, (points - self.middle - self.shift).T).T

    @classmethod
    def between(
        cls, given: Real[np.ndarray, "point 2"], found: Real[np.ndarray, "point 2"], error: float = 0.0
    ) -> "Affine":
        """The robust least-squares map (Cauchy weights).

        With an `error` of each point, in pixels, it is kept as near the identity as few points tell no better.
        """
        middle, moved, weight = given.mean(0), found - given, np.ones(len(given))
        terms = np.c_[given - middle, np.ones(len(given))]
        fitted = np.zeros((3, 2))
        for _ in range(ROUNDS):
            least = np.diag([(error / SPREAD_OF_MAPS) ** 2] * 2 + [0.0])
            normal = (terms * weight[:, None]).T @ terms + least
            fitted = np.linalg.lstsq(normal, (terms * weight[:, None]).T @ moved, rcond=None)[0]
            distance = np.hypot(*(moved - terms @ fitted).T)
            weight = 1 / (1 + (distance / (OUTLIER * np.median(distance) + 1e-9)) ** 2)
        return cls(fitted[:2].T, fitted[2], middle)


class Placed(NamedTuple):
    """Positions as the mosaic has them: whole pixels, `score` how well they agree, and the map from the given ones."""

    corner: Int[np.ndarray, "pattern 2"]
    score: float
    affine: Affine


def grown(mosaic: Mosaic, seed: int, nominal: Float[np.ndarray, "pattern 2"], error: float) -> Placed:
    """Lay all pieces on the empty mosaic, that of number `seed` first.

    Args:
        mosaic: without pieces.
        seed: number of the piece that is laid first.
        nominal: positions as they were given, (pattern, 2), in pixels.
        error: what they may be off by along y and x, standard deviation in pixels.
    """
    rng, count = np.random.default_rng(0), len(nominal)
    begin = nominal - nominal.min(0) + mosaic.margin
    mosaic.expect(begin)
    mosaic.put(seed, mosaic.expected[seed])
    margin, where, due = np.full(count, -1.0), mosaic.expected.copy(), FIRST
    concerned = np.ones(count, bool)
    for lying in range(2, count + 1):
        for number in np.flatnonzero(~mosaic.lies & concerned).tolist():
            where[number], margin[number] = mosaic.fit(number)
        surest = int(np.argmax(np.where(mosaic.lies, -np.inf, margin)))
        mosaic.put(surest, where[surest])
        concerned = mosaic.near(surest)
        if lying >= due:
            settle(mosaic, SWEEPS, rng)
            if lying >= FEWEST:
                mosaic.expect(_map(mosaic, begin, error)(begin))
            due, concerned = int(lying * MORE) + 1, np.ones(count, bool)
    settle(mosaic, LAST_SWEEPS, rng)
    mosaic.expect(_map(mosaic, begin, error)(begin))
    settle(mosaic, LAST_SWEEPS, rng)
    return Placed(mosaic.corner.copy(), mosaic.score, Affine.between(begin, mosaic.corner))


def settle(mosaic: Mosaic, sweeps: int, rng: np.random.Generator) -> None:
    """Take one piece after the other off, and put it where it fits best, until hardly any moves."""
    for _ in range(sweeps):
        moved, numbers = 0, rng.permutation(np.flatnonzero(mosaic.lies)).tolist()
        for number in numbers:
            mosaic.take(number)
            corner = mosaic.fit(number).corner
            moved += np.abs(corner - mosaic.corner[number]).max() > 1
            mosaic.put(number, corner)
        if moved <= STILL * len(numbers):
            return


def _map(mosaic: Mosaic, begin: Float[np.ndarray, "pattern 2"], error: float) -> Affine:
    lies = mosaic.lies
    return Affine.between(begin[lies], mosaic.corner[lies], error)
