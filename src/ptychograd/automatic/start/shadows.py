"""What the shadow of the sample in the beam tells of orientation and defocus, before anything is reconstructed.

Out of focus, a beam casts a magnified shadow of the sample on the detector, inside the pupil. Light that leaves the
pupil at the frequency q meets the sample a distance λzq beside the beam's middle, z behind the focus; so where the scan
moves by Δr, the shadow moves by Δq = -Δr / (λz). Patterns of neighbouring positions, each divided by the mean one, are
therefore alike after such a shift, and only with the right orientation, angle and λz are all pairs. It is the relation
by which tilt-corrected bright field finds its shifts (Spoth, Nguyen, Muller, Kourkoutis, Microsc. Microanal. 23
(2017), 48), read the other way round. It needs no start and few photons, and fails for a beam in focus, whose shadow
leaves the pupil with the next position, and where a beam has no pupil, as one through a diffuser.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import map_coordinates
from scipy.spatial import KDTree

from ptychograd.core.fourier import centred, exact_fft, exact_ifft, frequencies
from ptychograd.data.dataset import Dataset, positions_of
from ptychograd.data.patterns import illuminated_positions

PAIRS, NEIGHBOURS = 360, 6  # of patterns that are compared; nearest positions of each
BRIGHT = 0.15  # of the mean pattern's bright pixels, from which on a pixel belongs to the pupil
SIDE = 64  # pixels of a pupil at most, beyond which several are summed
ANGLES = 24  # of half a turn
OVERLAP, FEWEST = 0.15, 24  # of the pupil that is left of a shifted one; pairs that have it
WIDTHS = tuple(4 * 1.25**n for n in range(24))  # pixels: 4 to 680, as shadows of a near field are wider than windows

Matrix = Float[np.ndarray, "2 2"]


class ShadowFit(NamedTuple):
    """An orientation of the scan and a defocus, and how alike shadows are with them.

    Args:
        turn: by which positions (y, x) are to be multiplied.
        mirrored: whether that exchanges left and right.
        angle: radians by which it turns y towards x, after x was negated if it is mirrored.
        spread: λz in object pixels squared, of the geometric mean of their sides; positive behind the focus.
        width: twice the rms width of the beam on the sample by geometry, in object pixels, with the sign of `spread`.
        each: correlation of each pair of patterns, NaN where too little of the shadow is in both.
    """

    turn: Matrix
    mirrored: bool
    angle: float
    spread: float
    width: float
    each: Float[np.ndarray, " pair"]

    @property
    def twin(self) -> "ShadowFit":
        """The one that no far field tells from this: scan turned by half a turn, other side of the focus."""
        return self._replace(
            turn=-self.turn, angle=self.angle + math.pi, spread=-self.spread, width=-self.width, each=self.each
        )

    @property
    def errors(self) -> float:
        """Standard errors by which the mean correlation is above none."""
        known = self.each[np.isfinite(self.each)]
        return float(np.mean(known) / max(np.std(known) / math.sqrt(len(known)), 1e-12)) if len(known) else 0.0


class Shadows(NamedTuple):
    """Correlations of pairs of patterns, from which fits are read.

    Args:
        correlations: (pair, y, x) about the middle pixel.
        overlap: (y, x), the share of the pupil that a shift leaves.
        moves: (pair, (y, x)), from the first position of a pair to the second, in object pixels.
        scale: (2,), what a move of an object pixel over `spread` is in pixels of the correlations.
        radius: rms frequency of the mean pattern, in cycles per object pixel.
    """

    correlations: Float[np.ndarray, "pair y x"]
    overlap: Float[np.ndarray, "y x"]
    moves: Float[np.ndarray, "pair 2"]
    scale: Float[np.ndarray, " 2"]
    radius: float

    def fit(self, mirrored: bool, angle: float, width: float) -> ShadowFit:
        """How alike shadows are with this orientation and width."""
        c, s = math.cos(angle), math.sin(angle)
        turn = np.array([[c, -s], [s, c]]) @ np.diag([1.0, -1.0 if mirrored else 1.0])
        spread = width / (2 * self.radius)
        middle = np.array(self.overlap.shape) // 2
        there = middle - (self.moves @ turn.T) / spread * self.scale
        seen = ((there >= 0) & (there <= np.array(self.overlap.shape) - 1)).all(axis=1)
        share = map_coordinates(self.overlap, there.T, order=1)
        number = np.arange(len(there))
        found = map_coordinates(self.correlations, np.vstack([number, there.T]), order=1)
        good = seen & (share > OVERLAP)
        return ShadowFit(
            turn, mirrored, angle, spread, width, np.where(good, found / np.maximum(share, OVERLAP), np.nan)
        )


def shadows_of(data: Dataset, most: int = PAIRS) -> Shadows | None:
    """Correlations of the patterns of neighbouring positions; None where there are too few pairs, or no pupil.

    Args:
        data: a far field whose positions are known.
        most: pairs that are taken, all over the scan.

    Example:
        shadows = pg.automatic.shadows_of(data)
        pg.automatic.shadow_fits(shadows)[0].angle
    """
    first, second = _neighbours(data, most)
    mean = np.asarray(data.mean_pattern, float)
    pupil = mean > BRIGHT * np.percentile(mean[mean > 0], 98) if (mean > 0).any() else mean > 0
    if len(first) < FEWEST or pupil.sum() < FEWEST:
        return None
    sampling = np.ones(2) if data.geometry is None else np.array(data.geometry.sampling(data.frame_shape))
    pixel = math.sqrt(float(np.prod(sampling)))
    box, step = _box(pupil)
    spectra = {int(n): _spectrum(data, int(n), mean, pupil, box, step) for n in np.union1d(first, second)}
    power = np.mean([np.sum(np.abs(one) ** 2) for one in spectra.values()])
    middle = [np.real(centred(exact_ifft(spectra[a].conj() * spectra[b]))) for a, b in zip(first, second, strict=True)]
    size = math.sqrt(middle[0].size)
    pupil_there = np.abs(exact_fft(_padded(_summed(pupil[box].astype(float), step)))) ** 2
    overlap = np.real(centred(exact_ifft(pupil_there)))
    fy, fx = (centred(frequencies(n) * pixel / p, (0,)) for n, p in zip(data.frame_shape, sampling, strict=True))
    radius = math.sqrt(float(np.sum((fy[:, None] ** 2 + fx**2) * mean) / mean.sum()))
    places = positions_of(data) / (sampling if data.geometry is not None else 1.0)
    moves = (places[second] - places[first]) * sampling / pixel
    scale = np.array(data.frame_shape) * sampling / pixel / step
    return Shadows(size * np.stack(middle) / power, overlap / overlap.max(), moves, scale, radius)


def shadow_fits(shadows: Shadows) -> list[ShadowFit]:
    """The best defocus for each handedness and angle of the scan, the best of all first; none where there is no shadow.

    Half a turn of the scan and the other side of the focus are the same for a far field (see `ShadowFit.twin`); of the
    two the one whose angle is nearer to 0 is given.

    Args:
        shadows: of a dataset.

    Example:
        shadows = pg.automatic.shadows_of(data)
        best = pg.automatic.shadow_fits(shadows)[0]
        best.mirrored, best.angle, best.spread
    """
    found = [max(_of_widths(shadows, mirrored, angle), key=_score) for mirrored, angle in _orientations()]
    return sorted((fit for fit in found if _enough(fit)), key=_score, reverse=True)


def refined_fit(shadows: Shadows, fit: ShadowFit, rounds: int = 3) -> ShadowFit:
    """A fit at the best of finer angles and widths about it."""
    angle, width = math.pi / ANGLES, 0.2
    for _ in range(rounds):
        near = (
            shadows.fit(fit.mirrored, fit.angle + a * angle, fit.width * (1 + b * width))
            for a in (-1, -0.5, 0, 0.5, 1)
            for b in (-1, -0.5, 0, 0.5, 1)
        )
        fit = max([fit, *near], key=_score)
        angle, width = angle / 2, width / 2
    return fit


def _orientations() -> Iterator[tuple[bool, float]]:
    for mirrored in (False, True):
        for number in range(ANGLES):
            yield mirrored, math.pi * (number / ANGLES - 0.5)


def _of_widths(shadows: Shadows, mirrored: bool, angle: float) -> Iterator[ShadowFit]:
    for width in WIDTHS:
        yield shadows.fit(mirrored, angle, width)
        yield shadows.fit(mirrored, angle, -width)


def _enough(fit: ShadowFit) -> bool:
    return int(np.count_nonzero(np.isfinite(fit.each))) >= FEWEST


def _score(fit: ShadowFit) -> float:
    return fit.errors if _enough(fit) else -math.inf


def _neighbours(data: Dataset, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of pairs of neighbouring positions, all over the scan."""
    there = illuminated_positions(data)
    if len(there) < 3:
        return there[:0], there[:0]
    places = positions_of(data)[there]
    near = np.asarray(KDTree(places).query(places, k=min(NEIGHBOURS + 1, len(there)))[1])[:, 1:]
    first, second = np.repeat(np.arange(len(there)), near.shape[1]), near.ravel()
    pairs = np.unique(np.sort(np.stack([first, second], axis=1), axis=1), axis=0)
    chosen = pairs[np.unique(np.linspace(0, len(pairs) - 1, min(most, len(pairs))).astype(int))]
    return there[chosen[:, 0]], there[chosen[:, 1]]


def _box(pupil: Bool[np.ndarray, "y x"]) -> tuple[tuple[slice, slice], int]:
    """The rows and columns of the pupil, and how many pixels are summed along each side."""
    rows, columns = np.flatnonzero(pupil.any(axis=1)), np.flatnonzero(pupil.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return box, max(1, math.ceil(max(np.ptp(rows), np.ptp(columns)) / SIDE))


def _spectrum(data: Dataset, number: int, mean: np.ndarray, pupil: np.ndarray, box: tuple, step: int) -> np.ndarray:
    """The transform of what a pattern has beside the mean one, over its noise, in a frame with room around."""
    patterns, mask = data.frames(np.array([number]))
    valid = (mask if mask.ndim == 2 else mask[0]) & pupil
    counts = np.where(valid, patterns[0], 0).astype(float)
    alike = mean * counts.sum() / max(float(np.sum(mean, where=valid)), 1e-30)
    beside = np.where(valid, (counts - alike) / np.sqrt(np.maximum(alike, 1e-30)), 0.0)
    return exact_fft(_padded(_summed(beside[box], step)))


def _summed(image: np.ndarray, step: int) -> np.ndarray:
    """Sums over `step` x `step` pixels; what is left at the edge is left out."""
    y, x = (n // step for n in image.shape)
    return image[: y * step, : x * step].reshape(y, step, x, step).sum(axis=(1, 3))


def _padded(image: np.ndarray) -> np.ndarray:
    return np.pad(image, [(0, n) for n in image.shape])
