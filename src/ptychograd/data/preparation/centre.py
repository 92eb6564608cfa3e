"""Where the zero frequency of patterns is, by what their mean shows: a disc, or the point that it is even about."""

from typing import NamedTuple, cast

import numpy as np
from jaxtyping import Bool, Float64
from scipy.ndimage import binary_fill_holes, distance_transform_edt, label, median_filter
from scipy.signal import fftconvolve

from ptychograd.core.errors import InputError
from ptychograd.data.checks.beam import CONCENTRATED, concentration, middle
from ptychograd.data.checks.finding import Sample
from ptychograd.data.dataset import Dataset

LEAST_OVERLAP = 0.3  # share of the frame that lies on its mirror image
ALIKE = 0.8  # correlation of the mean pattern and its mirror image, from which it is even about a point
STEEP = 0.6  # area at 3/4 of a disc's level over that at 1/4: 1 for a sharp edge, 0.2 for a Gaussian
ROUND = (0.9, 1.06)  # area over that of the ellipse with the same moments: 1 for a disc, 0.955 for a square
LEAST_AREA = 12  # pixels of a disc
AMID = 0.15  # of the frame: how far from the light's middle on a circle of its pixels
BRIGHT = 0.1  # of an image's bright pixels: those above it are lit
STEADY = 0.5  # pixels by which the centres of two halves of the patterns may differ


class FoundCentre(NamedTuple):
    """A centre that the patterns show.

    Args:
        centre: (y, x) in pixels, counted from 0.
        error: half of what the centres of every second pattern and of the others differ by, in pixels.
        way: "disc" or "symmetry".
        evenness: correlation of the mean pattern with its mirror image about that centre.
    """

    centre: tuple[float, float]
    error: float
    way: str
    evenness: float

    @property
    def summary(self) -> str:
        """How it was found, in words."""
        way = "by the disc of the mean pattern" if self.way == "disc" else "by the symmetry of the mean pattern"
        return f"found {way} to {max(self.error, 0.01):.2f} pixels"


def centre_by(data: Dataset, how: str) -> tuple[tuple[float, float], str]:
    """The zero frequency (y, x) in pixels, and how it was found in words.

    Args:
        data: far-field patterns.
        how: "disc", "symmetry", or "auto", by symmetry or else by a disc.

    Raises:
        InputError: the mean pattern shows neither, or another way.
    """
    if how not in ("auto", "disc", "symmetry"):
        raise InputError(f'`data.prepare.centre` "{how}"; expected [y, x], auto, disc or symmetry.')
    ways = ("symmetry", "disc") if how == "auto" else (how,)
    found = next((one for way in ways if (one := found_centre(data, way)) is not None), None)
    if found is None:
        what = {"disc": "has no disc", "symmetry": "is not even about a point", "auto": "shows none"}[how]
        raise InputError(
            f"`data.prepare.centre` {how}: the mean pattern of {data.source} {what}; give the pixel of the zero "
            "frequency, as [127.5, 128.0]."
        )
    return found.centre, found.summary


def found_centre(data: Dataset, way: str) -> FoundCentre | None:
    """The centre by one of the ways; None where the patterns do not show it beyond doubt."""
    total, valid = data.sums
    find = _of_disc if way == "disc" else _of_symmetry
    whole = find(total / np.maximum(valid, 1), valid > 0)
    if whole is None:
        return None
    sample = Sample.of(data)
    parts = [find(part.mean, np.asarray(part.mask.any(axis=0))) for part in (_every_second(sample, k) for k in (0, 1))]
    if len(sample.patterns) < 2 or any(part is None for part in parts):
        return None
    one, other = (np.array(part[0]) for part in parts if part is not None)
    error = float(np.hypot(*(one - other))) / 2
    if error > STEADY or not _is_amid_light(whole[0], total / np.maximum(valid, 1)):
        return None
    return FoundCentre(whole[0], error, way, whole[1])


class Light(NamedTuple):
    """Where the light of an image is.

    Args:
        centre: (y, x) in pixels: the point that it is even about, the middle of its disc, or else that of all light.
        radius: of a disc as large as all that is lit, in pixels.
    """

    centre: tuple[float, float]
    radius: float


def light_of(mean: Float64[np.ndarray, "y x"], valid: Bool[np.ndarray, "y x"]) -> Light | None:
    """Where the light of a mean pattern is; None where it is as bright everywhere."""
    light = _smooth(mean, valid)
    if not light.any() or concentration(light).min() < CONCENTRATED:
        return None
    found = next((one for find in (_of_symmetry, _of_disc) if (one := find(mean, valid)) is not None), None)
    y, x = middle(light).tolist()
    if found is not None and _is_amid_light(found[0], light):
        y, x = found[0]
    bright = np.count_nonzero(light > BRIGHT * np.percentile(light, 99.5))
    return Light((y, x), float(np.sqrt(bright / np.pi)))


def _is_amid_light(centre: tuple[float, float], mean: Float64[np.ndarray, "y x"]) -> bool:
    """Whether a centre is about where the light is, also that of patterns whose edges wrap."""
    shape = np.array(mean.shape)
    away = (np.array(centre) - middle(mean) + shape / 2) % shape - shape / 2
    return bool((np.abs(away) < AMID * shape).all())


def _every_second(sample: Sample, first: int) -> Sample:
    return Sample(sample.patterns[first::2], sample.mask[first::2])


Found = tuple[tuple[float, float], float]  # a centre, and how even the image is about it


def _of_symmetry(mean: Float64[np.ndarray, "y x"], valid: Bool[np.ndarray, "y x"]) -> Found | None:
    """The point about which an image is even, as far as pixels are valid on both sides of it."""
    evenness = _evenness(np.sqrt(_smooth(mean, valid)), valid)
    peak = np.unravel_index(int(evenness.argmax()), evenness.shape)
    if evenness[peak] < ALIKE or any(not 0 < p < n - 1 for p, n in zip(peak, evenness.shape, strict=True)):
        return None
    y = peak[0] + _vertex(evenness[peak[0] - 1 : peak[0] + 2, peak[1]])
    x = peak[1] + _vertex(evenness[peak[0], peak[1] - 1 : peak[1] + 2])
    return (float(y) / 2, float(x) / 2), float(evenness[peak])


def _evenness(image: Float64[np.ndarray, "y x"], valid: Bool[np.ndarray, "y x"]) -> Float64[np.ndarray, "s t"]:
    """Pearson's correlation of an image and its mirror image about half of each (s, t), over pixels that both have.

    All sums are convolutions (D. Padfield, IEEE Trans. Image Process. 21, 2706 (2012)).
    """
    known = valid.astype(float)
    light = np.where(valid, image, 0)
    count = np.maximum(np.round(fftconvolve(known, known)), 0)
    total, squares, product = (
        fftconvolve(one, other) for one, other in ((light, known), (light**2, known), (light, light))
    )
    per = np.maximum(count, 1)
    scatter = squares - total**2 / per
    enough = (count >= LEAST_OVERLAP * valid.sum()) & (scatter > 1e-9 * squares.max())
    return np.where(enough, (product - total**2 / per) / np.where(enough, scatter, 1), -1)


def _vertex(heights: np.ndarray) -> float:
    """Where the parabola through three heights is highest, from the middle one."""
    bend = heights[0] - 2 * heights[1] + heights[2]
    return 0.0 if bend >= 0 else float(np.clip((heights[0] - heights[2]) / (2 * bend), -0.5, 0.5))


def _of_disc(mean: Float64[np.ndarray, "y x"], valid: Bool[np.ndarray, "y x"]) -> Found | None:
    """The middle of an evenly lit disc or ring with a sharp edge."""
    light = _smooth(mean, valid)
    bright = light > 0.5 * np.percentile(light, 99.5) if light.any() else np.zeros(light.shape, bool)
    if np.count_nonzero(bright) < LEAST_AREA:
        return None
    level = float(np.median(light[bright]))
    areas = [_filled(light > share * level) for share in (0.75, 0.5, 0.25)]
    if any(area is None for area in areas):
        return None
    inner, middle, outer = (area for area in areas if area is not None)
    size = np.count_nonzero(middle)
    steep = np.count_nonzero(inner) / np.count_nonzero(outer)
    weights = np.where(inner, 1.0, np.where(outer, np.clip(2 * light / level - 0.5, 0, 1), 0))
    centre, fill = _moments(weights)
    if size < LEAST_AREA or steep < STEEP or not ROUND[0] < fill < ROUND[1]:
        return None
    return centre, float(steep)


def _filled(bright: Bool[np.ndarray, "y x"]) -> Bool[np.ndarray, "y x"] | None:
    """The largest bright region with its holes; None if it reaches the edge of the frame."""
    parts, count = cast(tuple[np.ndarray, int], label(bright))
    if count == 0:
        return None
    sizes = np.bincount(parts.ravel())[1:]
    whole = np.asarray(binary_fill_holes(parts == 1 + int(sizes.argmax())))
    at_edge = whole[0].any() or whole[-1].any() or whole[:, 0].any() or whole[:, -1].any()
    return None if at_edge else whole


def _moments(weights: Float64[np.ndarray, "y x"]) -> tuple[tuple[float, float], float]:
    """The middle of a region, and its area over that of the ellipse with the same second moments."""
    area = float(weights.sum())
    grid = np.indices(weights.shape).reshape(2, -1)
    middle = grid @ weights.ravel() / area
    away = grid - middle[:, None]
    spread = (away * weights.ravel()) @ away.T / area
    return (float(middle[0]), float(middle[1])), area / (4 * np.pi * float(np.sqrt(np.linalg.det(spread))))


def _smooth(mean: Float64[np.ndarray, "y x"], valid: Bool[np.ndarray, "y x"]) -> Float64[np.ndarray, "y x"]:
    """An image whose invalid pixels are as their nearest valid ones, without single bright pixels."""
    if not valid.all():
        nearest = cast(np.ndarray, distance_transform_edt(~valid, return_distances=False, return_indices=True))
        mean = mean[tuple(nearest)]
    around = median_filter(mean, 3)
    return np.where(mean > 4 * around + 1, around, mean)
