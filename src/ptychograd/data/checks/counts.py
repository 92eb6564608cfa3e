"""The counts: whether they are photons, and which patterns hold none that can be trusted."""

import numpy as np
from jaxtyping import Float64

from ptychograd.data.checks.finding import BAD, DOUBTFUL, GOOD, Evidence, Finding, Sample, numbers, plural
from ptychograd.data.dataset import Dataset

WHOLE, NEARLY = 1e-3, 0.99  # how far a whole number below 100 may be off, and the share of values that are one
TELLING, FEWEST_TELLING = 5e3, 20  # above, rounding hides whether a number was whole; values below that are enough
MOST_VALUES = 50_000  # that are looked at
LARGEST_LOG = 40.0  # of counts to any base from 2 to 10; a larger number is none's logarithm
LARGEST_WHOLE = 2.0**53  # that float64 tells from its neighbours
BASES = {"e": np.e, "10": 10.0, "2": 2.0}
FEW = 100  # photons a pattern
_LEAVE_OUT = "leave them out (ptychograd.subset in Python) if the shutter was closed or the beam gone"
DARK, FLARING = 0.1, 5.0  # of the median pattern


def photon_scale(evidence: Evidence) -> Finding:
    """Whether the patterns are counts of photons, or amplitudes, or scaled, or subtracted from."""
    photons = _typical(evidence.data.photons)
    bright, largest = _bright(evidence.sample), float(evidence.data.largest)
    found = f"median {photons:.3g} a pattern, largest value {largest:.4g}"
    figures = {"median_photons": photons, "largest": largest}
    negative = next((note for note in evidence.data.notes if "bad pixels found" in note and "negative" in note), None)
    negative = (
        negative if evidence.data.store.may_differ(evidence.data.mask) else None
    )  # in the same pixels of all patterns it marks a gap
    scale, other = _scale_of(bright), _function_of_counts(bright)
    if not len(bright):
        return Finding("photon scale", BAD, "not one photon in the patterns", _CHECK_MASK, figures)
    if other is not None:
        return Finding("photon scale", BAD, f"{found}; {other[0]}", other[1], figures)
    if negative is not None:
        text = "a background was subtracted: give the counts as measured, and `model.detector.background=PHOTONS`"
        return Finding("photon scale", DOUBTFUL, f"{found}; {negative}", text, figures)
    if scale is None:
        text = (
            "if they are amplitudes, square them; if intensities in other units, scale them so that they are photons: "
            "until then keep `fit.noise=amplitude`, and χ² says nothing"
        )
        return Finding("photon scale", DOUBTFUL, f"{found}; no whole numbers", text, figures)
    if scale != 1:
        text = f"divide the patterns by {scale:.4g}, so that χ² and `fit.noise=poisson` hold; until then take neither"
        figures |= {"counts_a_photon": scale}
        return Finding("photon scale", DOUBTFUL, f"{found}; all are multiples of {scale:.4g}", text, figures)
    if photons < FEW:
        text = (
            "few photons: expect a noisy result, and compare held-out patterns (`validation.hold_out=0.05`, "
            "`fit.noise=poisson`)"
        )
        return Finding("photon scale", DOUBTFUL, found, text, figures)
    return Finding("photon scale", GOOD, f"{found}; whole numbers", "", figures)


_CHECK_MASK = "name the right items (`data.keys.patterns=PATH`, `data.keys.mask=PATH`); `ptychograd inspect` lists them"


def is_counted(data: Dataset) -> bool:
    """Whether the patterns are counts, one for each photon, of which the noise is known."""
    return _scale_of(_bright(Sample.of(data))) == 1


def functions_of_counts(sample: Sample) -> Finding | None:
    """Patterns that are plainly square roots or logarithms of counts."""
    found = _function_of_counts(_bright(sample))
    return None if found is None else Finding("photon scale", BAD, *found, {})


def without_photons(data: Dataset) -> Finding | None:
    """Patterns of which some pixels are valid, and none has a photon, among bright ones."""
    dark = np.flatnonzero(data.store.in_use(data.mask) & (data.photons == 0))
    if not len(dark) or _typical(data.photons) < FEW:
        return None
    found = f"{plural(len(dark), 'pattern')} without a photon: number {numbers(dark)}"
    return Finding("dark patterns", BAD, found, _LEAVE_OUT, {"dark": dark.tolist()})


def _typical(photons: Float64[np.ndarray, " index"]) -> float:
    """The median of those that have some, 0 if none have."""
    return float(np.median(photons[photons > 0])) if photons.any() else 0.0


def _bright(sample: Sample) -> Float64[np.ndarray, " value"]:
    """Values above 0, no more than tell what kind of numbers they are."""
    values = sample.patterns[sample.mask & (sample.patterns > 0)]
    return values[:: max(1, len(values) // MOST_VALUES)].astype(np.float64)


def _function_of_counts(bright: Float64[np.ndarray, " value"]) -> tuple[str, str] | None:
    """What is found, and what to do, if the values themselves are no counts but a function of them is."""
    if not len(bright) or bright.max() > LARGEST_WHOLE or _scale_of(bright) is not None:
        return None
    if _are_whole(bright**2):
        return "the squares of the values are whole numbers", "they are square roots of counts: square the patterns"
    if bright.max() > LARGEST_LOG:
        return None
    base = next((name for name, base in BASES.items() if _are_whole(base**bright)), None)
    if base is None:
        return None
    text = f"they are logarithms of counts: raise {base} to their power, and take 1 away if it was added before"
    return f"{base} to the power of the values is a whole number", text


def _scale_of(bright: np.ndarray) -> float | None:
    """What one photon counts: 1 or another number; None if the values are no multiples of any."""
    if not len(bright) or bright.max() > LARGEST_WHOLE:
        return None
    if _are_whole(bright):
        smallest = float(np.gcd.reduce(np.round(bright[:: max(1, len(bright) // 20_000)]).astype(np.int64)))
        return smallest if smallest >= 1 else None
    smallest = float(bright.min())
    return smallest if _are_whole(bright / smallest) and np.median(bright) < 1e3 * smallest else None


def _are_whole(values: np.ndarray) -> bool:
    """Whether nearly all values are whole numbers, by those that are small enough to tell if there are such."""
    off = np.abs(values - np.round(values))
    telling = values < TELLING
    if np.count_nonzero(telling) < FEWEST_TELLING:
        return bool(np.mean(off == 0) > NEARLY)
    return bool(np.mean(off[telling] < WHOLE * np.maximum(1, 0.01 * values[telling])) > NEARLY)


def dark_patterns(evidence: Evidence) -> Finding | None:
    """Patterns with hardly a photon, and with far too many; of rocking curves whole ones. None if all are dark."""
    photons = evidence.data.photons.reshape(-1, evidence.data.group).sum(axis=1)
    if not photons.any():
        return None
    typical = _typical(photons)
    dark = np.flatnonzero(photons < DARK * typical)
    flaring = np.flatnonzero(photons > FLARING * typical)
    what = "pattern" if evidence.data.group == 1 else "rocking curve"
    figures = {
        "dark": dark.tolist(),
        "flaring": flaring.tolist(),
        "scatter": float((photons / typical).std()),
    }
    if not len(dark) and not len(flaring):
        found = f"none; photons scatter by {figures['scatter']:.1%} from one {what} to the next"
        return Finding("dark patterns", GOOD, found, "", figures)
    if evidence.is_crystal:
        found = f"{plural(len(dark), what)} below {DARK:.0%} of the median, where the beam misses the crystal"
        return Finding("dark patterns", GOOD, found, "", figures)
    parts = []
    if len(dark):
        parts.append(f"{plural(len(dark), what)} below {DARK:.0%} of the median: number {numbers(dark)}")
    if len(flaring):
        parts.append(f"{plural(len(flaring), what)} above {FLARING:.0f} times the median: number {numbers(flaring)}")
    verdict = BAD if 2 * len(dark) > len(photons) else DOUBTFUL
    return Finding("dark patterns", verdict, "; ".join(parts), _LEAVE_OUT, figures)
