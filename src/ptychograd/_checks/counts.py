"""The counts: whether they are photons, and which pixels and patterns hold none that can be trusted."""

import numpy as np
from jaxtyping import Bool, Float64
from scipy.ndimage import median_filter

from ptychograd._checks.finding import BAD, DOUBTFUL, GOOD, Finding, Seen, numbers, plural
from ptychograd._dataset import Dataset, StoredPatterns

WHOLE, NEARLY = 1e-3, 0.99  # how far a whole number may be off, and the share of values that are one
FEW = 100  # photons a pattern
DARK, FLARING = 0.1, 5.0  # of the median pattern
LEAST_OF_A_PLATEAU, STEEP, HIGH = 5, 3, 20  # pixels at the maximum; over those just below; counts
NEAR = 0.97  # of the maximum, and one count below it at least: just below
BLOCK, LOOKED_AT = 2**25, 2**30  # bytes of patterns at once, and of those that are read again from their file
MOST_MASKED = 0.3  # share of the pixels
BEHIND = 0.5  # share of the light under a mask that looks inverted
CERTAIN = 20  # counts that a pixel should have if it is to be called dead
HOT = 5.0  # times the brightest neighbour


def photon_scale(seen: Seen) -> Finding:
    """Whether the patterns are counts of photons, or amplitudes, or scaled, or subtracted from."""
    photons = float(np.median(seen.data.photons))
    values = seen.patterns[seen.mask].astype(np.float64)
    bright = values[values > 0]
    largest = float(seen.data.largest)
    found = f"median {photons:.3g} a pattern, largest value {largest:.4g}"
    figures = {"median_photons": photons, "largest": largest}
    negative = next((note for note in seen.data.notes if "bad pixels found" in note and "negative" in note), None)
    scale = _scale_of(bright)
    if negative is not None:
        words = "a background was subtracted: give the counts as measured, and --background PHOTONS"
        return Finding("photon scale", DOUBTFUL, f"{found}; {negative}", words, figures)
    if not len(bright):
        return Finding("photon scale", BAD, "not one photon in the patterns that were looked at", _CHECK_MASK, figures)
    if scale is None and _are_whole(bright**2):
        words = "they are square roots of counts: square the patterns"
        return Finding("photon scale", BAD, f"{found}; their squares are whole numbers", words, figures)
    if scale is None:
        words = (
            "if they are amplitudes, square them; if intensities in other units, scale them so that they are photons: "
            "until then keep --noise amplitude, and χ² says nothing"
        )
        return Finding("photon scale", DOUBTFUL, f"{found}; no whole numbers", words, figures)
    if scale != 1:
        words = f"divide the patterns by {scale:.4g}, so that χ² and --noise poisson hold; until then take neither"
        figures |= {"counts_a_photon": scale}
        return Finding("photon scale", DOUBTFUL, f"{found}; all are multiples of {scale:.4g}", words, figures)
    if photons < FEW:
        words = "few photons: expect a noisy result, and compare held-out patterns (--hold-out 0.05 --noise poisson)"
        return Finding("photon scale", DOUBTFUL, found, words, figures)
    return Finding("photon scale", GOOD, f"{found}; whole numbers", "", figures)


_CHECK_MASK = "name the right items (--key patterns=PATH --key mask=PATH); `ptychograd inspect` lists them"


def _scale_of(bright: np.ndarray) -> float | None:
    """What one photon counts: 1 or another number; None if the values are no multiples of any."""
    if not len(bright):
        return None
    if _are_whole(bright):
        smallest = float(np.gcd.reduce(np.round(bright[:: max(1, len(bright) // 20_000)]).astype(np.int64)))
        return smallest if smallest >= 1 else None
    smallest = float(bright.min())
    return smallest if _are_whole(bright / smallest) and np.median(bright) < 1e3 * smallest else None


def _are_whole(values: np.ndarray) -> bool:
    return bool(np.mean(np.abs(values - np.round(values)) < WHOLE * np.maximum(1, 0.01 * values)) > NEARLY)


def dark_patterns(seen: Seen) -> Finding:
    """Patterns with hardly a photon, and with far too many; of rocking curves whole ones."""
    photons = seen.data.photons.reshape(-1, seen.data.group).sum(axis=1)
    typical = float(np.median(photons))
    dark = np.flatnonzero(photons < DARK * typical)
    flaring = np.flatnonzero(photons > FLARING * typical)
    what = "pattern" if seen.data.group == 1 else "rocking curve"
    figures = {
        "dark": dark.tolist(),
        "flaring": flaring.tolist(),
        "scatter": float(photons.std() / max(typical, 1e-30)),
    }
    if not len(dark) and not len(flaring):
        found = f"none; photons scatter by {figures['scatter']:.1%} from one {what} to the next"
        return Finding("dark patterns", GOOD, found, "", figures)
    if seen.is_crystal:
        found = f"{plural(len(dark), what)} below {DARK:.0%} of the median, where the beam misses the crystal"
        return Finding("dark patterns", GOOD, found, "", figures)
    parts = []
    if len(dark):
        parts.append(f"{plural(len(dark), what)} below {DARK:.0%} of the median: number {numbers(dark)}")
    if len(flaring):
        parts.append(f"{plural(len(flaring), what)} above {FLARING:.0f} times the median: number {numbers(flaring)}")
    words = "leave them out (ptychograd.subset in Python) if the shutter was closed or the beam gone"
    return Finding("dark patterns", DOUBTFUL, "; ".join(parts), words, figures)


def saturation(seen: Seen) -> Finding | None:
    """Many pixels at exactly the largest value, and few just below: the detector could count no further."""
    top = float(seen.data.largest)
    if top < HIGH:
        return None
    at, below, values, looked = _near_the_top(seen.data, top)
    figures = {"largest": top, "pixels_at_largest": at, "share": at / max(1, values), "patterns": looked}
    what = plural(seen.data.count, "pattern")
    what = what if looked == seen.data.count else f"{looked:,} of {what} that were looked at"
    if at < LEAST_OF_A_PLATEAU or at <= STEEP * below:
        return Finding("saturation", GOOD, f"no plateau at the largest value, {top:.6g}, in {what}", "", figures)
    found = f"{at:,} pixels of {what} at exactly {top:.6g}, {below:,} just below"
    words = (
        f"the detector is full there: give --saturation {top:.12g}, or leave them out by --mask-above {top - 1:.12g}"
    )
    return Finding("saturation", BAD, found, words, figures)


def _near_the_top(data: Dataset, top: float) -> tuple[int, int, int, int]:
    """How many valid pixels are at the largest value, and just below it, of how many; and of how many patterns.

    Of patterns in a larger file blocks that are spread over the scan are read, and no more.
    """
    each = max(1, data.frame_shape[0] * data.frame_shape[1] * data.patterns.dtype.itemsize)
    block = max(1, BLOCK // each)
    starts = np.arange(0, data.count, block)
    most = max(1, LOOKED_AT // (block * each))
    if isinstance(data.patterns, StoredPatterns) and len(starts) > most:
        starts = starts[np.unique(np.linspace(0, len(starts) - 1, most).round().astype(int))]
    at = below = values = looked = 0
    for first in starts.tolist():
        patterns, mask = data.frames(slice(first, min(first + block, data.count)))
        valid = np.broadcast_to(mask, patterns.shape)
        at += int(np.count_nonzero((patterns == top) & valid))
        below += int(np.count_nonzero((patterns < top) & (patterns >= min(NEAR * top, top - 1)) & valid))
        values, looked = values + int(np.count_nonzero(valid)), looked + len(patterns)
    return at, below, values, looked


def mask(seen: Seen) -> Finding:
    """How much is masked, and whether the mask is the wrong way round."""
    valid = seen.mask
    share = 1 - float(np.mean(seen.data.mask))
    light = np.where(np.isfinite(seen.patterns), seen.patterns, 0).astype(np.float64).clip(0)
    behind = float(light[~valid].sum() / light.sum()) if light.any() else 0.0
    figures = {"masked": share, "light_masked": behind}
    found = "no pixel is masked" if share == 0 else f"{share:.2%} of the pixels are masked"
    if share > MOST_MASKED and behind > BEHIND:
        words = "the mask looks inverted: write it with 1 for good pixels and 0 for bad ones (--key mask=PATH)"
        return Finding("mask", BAD, f"{found}, and {behind:.0%} of the light is in them", words, figures)
    middle = tuple(slice(n // 2 - 1, n // 2 + 2) for n in seen.data.frame_shape)
    if not valid[(slice(None), *middle)].any() and not seen.is_crystal and not seen.is_near:
        found += "; the middle is, as by a beam stop"
        words = (
            "what is behind a beam stop is made up from the overlap: use a start probe (--key probe=PATH), many epochs"
        )
        return Finding("mask", DOUBTFUL, found, words, figures)
    if share > MOST_MASKED:
        words = "much is missing; check that 1 stands for good pixels (--key mask=PATH)"
        return Finding("mask", DOUBTFUL, found, words, figures)
    return Finding("mask", GOOD, found, "", figures)


def pixels(seen: Seen) -> Finding | None:
    """Valid pixels that never count, or count far more than all around them."""
    total, valid = seen.data.sums
    usable = valid > 0
    if not total.any() or min(total.shape) < 5:
        return None
    dead, hot = dead_pixels(total, usable), hot_pixels(total, usable)
    if not seen.is_near:  # a plane wave's direct beam is one pixel wide
        hot[tuple(slice(n // 2 - 1, n // 2 + 2) for n in total.shape)] = False
    figures = {"dead": int(dead.sum()), "hot": int(hot.sum())}
    if not dead.any() and not hot.any():
        return Finding("dead and hot pixels", GOOD, "none that is not masked", "", figures)
    where = [f"({y}, {x})" for y, x in np.argwhere(dead | hot)[:6]]
    found = f"{figures['dead']:,} dead and {figures['hot']:,} hot ones are not masked: (y, x) = {', '.join(where)}"
    found += " ..." if np.sum(dead | hot) > len(where) else ""
    return Finding("dead and hot pixels", DOUBTFUL, found, "mask them (--key mask=PATH, 0 where bad)", figures)


def dead_pixels(total: Float64[np.ndarray, "y x"], usable: Bool[np.ndarray, "y x"]) -> Bool[np.ndarray, "y x"]:
    """Pixels without a count where their surroundings would have made sure of some."""
    around = median_filter(total, 5)
    return usable & (total == 0) & (around > CERTAIN)


def hot_pixels(total: Float64[np.ndarray, "y x"], usable: Bool[np.ndarray, "y x"]) -> Bool[np.ndarray, "y x"]:
    """Pixels far brighter than the brightest of their eight neighbours."""
    light = np.pad(np.where(usable, total, 0), 1, mode="edge")
    height, width = total.shape
    shifts = [(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    brightest = np.max([light[i : i + height, j : j + width] for i, j in shifts], axis=0)
    edge = np.ones(total.shape, bool)
    edge[1:-1, 1:-1] = False
    return usable & ~edge & (total > HOT * brightest + CERTAIN)
