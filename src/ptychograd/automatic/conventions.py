"""Of two solutions that no far field tells apart, which one: the one whose matter has the sign of its field.

The patterns of probe P and object O on a scan are those of P*(-r) and O*(-r) on the same scan turned by half a turn:
the detector turned, or the scan run backwards, with the sample on the other side of the focus and the phase of the
other sign. What is known beforehand is matter. In the convention of this package, exp(-iπλzf²) for a distance z, X-rays
gain phase in vacuum over matter, whose refractive index is below 1: matter is of negative phase and darker. Electrons,
and light in glass, are slower in matter: its phase is positive.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Complex, Float
from scipy.ndimage import gaussian_filter

from ptychograd.core.illumination import illuminated_pixels
from ptychograd.core.strict import meant
from ptychograd.fitting.result import Result

ELECTRONS, LIGHT = 1.2e-11, 1e-7  # metres: waves up to that are taken for electrons, from that on for light
BLOCKS, FEWEST = 5, 8  # parts of the image along each side, and of them all, that have to agree
ERRORS = 3.0  # standard errors over these parts
DARKER, SKEWED = 0.01, 0.1  # log of the magnitude over the phase, and skewness: less tells nothing
SMOOTH = 1.0  # pixels over which noise is averaged
BRIGHT = 0.2  # of the brightest illumination


class MatterSign(NamedTuple):
    """Which sign the phase of matter has in an image, and how sure that is.

    Args:
        sign: 1 or -1; 0 if the image does not tell.
        errors: standard errors by which it is told, the larger of both ways to tell.
        summary: in words, how it is told.
    """

    sign: int
    errors: float
    summary: str


def expected_sign(wavelength: float | None) -> int:
    """The sign of matter's phase: -1 for X-rays, 1 for electrons and for light; 0 if the wavelength is not known.

    Args:
        wavelength: in metres, or None.

    Example:
        >>> pg.automatic.expected_sign(1.5e-10), pg.automatic.expected_sign(2e-12)
        (-1, 1)
    """
    if wavelength is None:
        return 0
    return 1 if wavelength <= ELECTRONS or wavelength >= LIGHT else -1


@meant
def matter_sign(result: Result) -> MatterSign:
    """Tell the sign of matter's phase from an image: by absorption, and by what stands out of its surroundings.

    Where matter absorbs, it is where the image is darker. And matter is what stands out of the rest in some places: the
    phase is skewed to its side. Where the two disagree, or neither tells it, the sign is not known.

    Args:
        result: of a thin object, after some epochs.

    Example:
        found = pg.automatic.matter_sign(result)
        found.sign, found.summary
    """
    image = np.asarray(result.object)
    if image.ndim != 2:
        return MatterSign(0, 0.0, "the image has more than one layer")
    good = illuminated_pixels(image.shape, np.asarray(result.corners), np.asarray(result.probe)) & _inner(result)
    phase, depth = _phase(image, good), gaussian_filter(np.log(np.maximum(np.abs(image), 1e-6)), SMOOTH)
    blocks = _blocks(good)
    ways = {
        "it is darker there": _agreement([_slope(phase[b], -depth[b], good[b]) for b in blocks], DARKER),
        "it stands out to that side": _agreement([_skewness(phase[b], good[b]) for b in blocks], SKEWED),
    }
    clear = {text: value for text, value in ways.items() if abs(value) >= ERRORS}
    errors = max(abs(value) for value in ways.values())
    signs = {int(np.sign(value)) for value in clear.values()}
    if len(signs) != 1:
        return MatterSign(
            0, errors, "what absorbs and what stands out disagree" if signs else "the image does not tell"
        )
    return MatterSign(signs.pop(), errors, " and ".join(clear))


def _inner(result: Result) -> Bool[np.ndarray, "y x"]:
    """Pixels between the outermost positions, where several patterns tell of the image."""
    corners, frame = np.asarray(result.corners), np.array(result.probe.shape[1:])
    low, high = (corners.min(axis=0) + frame / 2).astype(int), (corners.max(axis=0) + frame / 2).astype(int)
    inner = np.zeros(result.object.shape, bool)
    inner[low[0] : high[0] + 1, low[1] : high[1] + 1] = True
    return inner


def _phase(image: Complex[np.ndarray, "y x"], good: Bool[np.ndarray, "y x"]) -> Float[np.ndarray, "y x"]:
    """The phase without its ramp, about its middle."""
    part = np.where(good, image / np.maximum(np.abs(image), 1e-12), 0)
    ramp = [np.angle(np.sum(np.delete(part, 0, a) * np.delete(part, -1, a).conj())) for a in (0, 1)]
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    flat = part * np.exp(-1j * (ramp[0] * y + ramp[1] * x))
    return gaussian_filter(np.angle(flat * np.exp(-1j * np.angle(flat.sum()))), SMOOTH)


def _blocks(good: Bool[np.ndarray, "y x"]) -> list[tuple[slice, slice]]:
    """Parts of the image in which most pixels are good."""
    rows, columns = np.flatnonzero(good.any(axis=1)), np.flatnonzero(good.any(axis=0))
    if not len(rows):
        return []
    edges = [np.linspace(n[0], n[-1] + 1, BLOCKS + 1).astype(int) for n in (rows, columns)]
    parts = [
        (slice(a, b), slice(c, d))
        for a, b in zip(edges[0], edges[0][1:], strict=False)
        for c, d in zip(edges[1], edges[1][1:], strict=False)
    ]
    return [part for part in parts if good[part].size and good[part].mean() > 0.5]


def _agreement(values: list[float], least: float) -> float:
    """Standard errors by which the mean of several values is away from 0, with their sign; 0 if it is below `least`."""
    found = np.array([value for value in values if math.isfinite(value)])
    if len(found) < FEWEST or abs(found.mean()) < least:
        return 0.0
    return float(found.mean() / max(found.std(ddof=1) / math.sqrt(len(found)), 1e-12))


def _slope(one: np.ndarray, other: np.ndarray, good: np.ndarray) -> float:
    """How much `other` rises with `one`."""
    beside = one[good] - one[good].mean()
    return float(np.sum(beside * (other[good] - other[good].mean())) / max(np.sum(beside**2), 1e-30))


def _skewness(image: np.ndarray, good: np.ndarray) -> float:
    values = image[good] - image[good].mean()
    return float(np.mean(values**3) / max(np.mean(values**2) ** 1.5, 1e-30))
