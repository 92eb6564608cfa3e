"""The detector's pixels: full ones, masked ones, and those whose counts can't be trusted."""

import numpy as np
from jaxtyping import Bool, Float64
from scipy.ndimage import label, maximum, maximum_filter, median_filter, uniform_filter

from ptychograd.data.checks.finding import BAD, DOUBTFUL, GOOD, Evidence, Finding, Sample, plural
from ptychograd.data.dataset import Dataset

LEAST_OF_A_PLATEAU, STEEP, HIGH = 5, 3, 20  # pixels at the maximum; over those just below; counts
NEAR = 0.97  # of the maximum, and one count below it at least: just below
BLOCK, EXAMINED = 2**25, 2**30  # bytes of patterns at once, and of those that are read again from their file
MOST_MASKED, NEARLY_ALL = 0.3, 0.9  # share of the pixels
BEHIND = 0.5  # share of the light under a mask that looks inverted
CERTAIN = 20  # counts that a pixel should have if it is to be called dead
HOT = 5.0  # times the brightest neighbour
FEWEST_TO_STICK = 6  # patterns in which a pixel is the same
BY_CHANCE = 1e-3  # pixels that may be expected to repeat one number in all patterns looked at
AROUND, MANY = 5, 0.3  # pixels a side about one, and the share of them that vary at least


def saturation(evidence: Evidence) -> Finding | None:
    """Many pixels at exactly the largest value, and few just below: the detector could count no further."""
    top = float(evidence.data.largest)
    alone = standing_out(stuck_pixels(evidence.sample), evidence.sample)
    if top < HIGH or (alone.any() and top == evidence.sample.patterns[0][alone].max()):
        return None  # of which `pixels` tells
    at, lower, values, examined = _near_the_top(evidence.data, top)
    figures = {"largest": top, "pixels_at_largest": at, "share": at / max(1, values), "patterns": examined}
    what = plural(evidence.data.count, "pattern")
    what = what if examined == evidence.data.count else f"{examined:,} of {what} that were looked at"
    if at < LEAST_OF_A_PLATEAU or at <= STEEP * lower:
        return Finding("saturation", GOOD, f"no plateau at the largest value, {top:.6g}, in {what}", "", figures)
    found = f"{at:,} pixels of {what} at exactly {top:.6g}, {lower:,} just below"
    text = (
        f"the detector is full there: give `model.detector.saturation={top:.12g}`, or leave them out by "
        f"`data.mask.above={top - 1:.12g}`"
    )
    return Finding("saturation", BAD, found, text, figures)


def _near_the_top(data: Dataset, top: float) -> tuple[int, int, int, int]:
    """How many valid pixels are at the largest value, and just below it, of how many; and of how many patterns.

    Of patterns in a larger file blocks that are spread over the scan are read, and no more.
    """
    each = max(1, data.frame_shape[0] * data.frame_shape[1] * data.patterns.dtype.itemsize)
    block = max(1, BLOCK // each)
    starts = np.arange(0, data.count, block)
    most = max(1, EXAMINED // (block * each))
    if data.is_stored and len(starts) > most:
        starts = starts[np.unique(np.linspace(0, len(starts) - 1, most).round().astype(int))]
    at = lower = values = examined = 0
    for first in starts.tolist():
        patterns, mask = data.frames(slice(first, min(first + block, data.count)))
        valid = np.broadcast_to(mask, patterns.shape)
        at += int(np.count_nonzero((patterns == top) & valid))
        lower += int(np.count_nonzero((patterns < top) & (patterns >= min(NEAR * top, top - 1)) & valid))
        values, examined = values + int(np.count_nonzero(valid)), examined + len(patterns)
    return at, lower, values, examined


def mask(evidence: Evidence) -> Finding:
    """How much is masked, and whether the mask is the wrong way round."""
    valid = evidence.mask
    share = 1 - float(np.mean(evidence.data.mask))
    light = np.where(np.isfinite(evidence.patterns), evidence.patterns, 0).astype(np.float64).clip(0)
    behind = float(light[~valid].sum() / light.sum()) if light.any() else 0.0
    figures = {"masked": share, "light_masked": behind}
    found = "no pixel is masked" if share == 0 else f"{share:.2%} of the pixels are masked"
    if share > MOST_MASKED and behind > BEHIND:
        found = f"{found}, and {behind:.0%} of the light is in them"
        return Finding("mask", BAD, found, f"the mask looks inverted: {_GOOD_IS_1}", figures)
    if (most := masked_nearly_all(evidence.sample)) is not None:
        return most._replace(figures=figures)
    middle = tuple(slice(n // 2 - 1, n // 2 + 2) for n in evidence.data.frame_shape)
    if not valid[(slice(None), *middle)].any() and evidence.is_far:
        found += "; the middle is, as by a beam stop"
        text = (
            "what is behind a beam stop is made up from the overlap: use a start probe (`data.keys.probe=PATH`), many "
            "epochs"
        )
        return Finding("mask", DOUBTFUL, found, text, figures)
    if share > MOST_MASKED:
        text = "much is missing; check that 1 stands for good pixels (`data.keys.mask=PATH`)"
        return Finding("mask", DOUBTFUL, found, text, figures)
    return Finding("mask", GOOD, found, "", figures)


_GOOD_IS_1 = "write it with 1 for good pixels and 0 for bad ones (`data.keys.mask=PATH`)"


def masked_nearly_all(sample: Sample) -> Finding | None:
    """Patterns with photons of which hardly a pixel is left."""
    share = 1 - float(np.mean(sample.mask))
    if share <= NEARLY_ALL:
        return None
    return Finding("mask", BAD, f"{share:.0%} of the pixels are masked", f"it may be inverted: {_GOOD_IS_1}", {})


def pixels(evidence: Evidence) -> Finding | None:
    """Valid pixels that never count, count far more than all around them, or show one large number for ever."""
    total = evidence.data.sums[0]
    if not total.any() or min(total.shape) < 5:
        return None
    dead, hot, stuck = suspects(evidence)
    figures = {"dead": int(dead.sum()), "hot": int(hot.sum()), "stuck": int(stuck.sum())}
    every = dead | hot | stuck
    if not every.any():
        return Finding("dead and hot pixels", GOOD, "none that is not masked", "", figures)
    parts = [summary_of_stuck(stuck, evidence.sample)] if stuck.any() else []
    if (dead | hot).any():
        counted = f"{figures['dead']:,} dead and {figures['hot']:,} hot ones"
        parts.append(f"{counted} are not masked: {_places(dead | hot)}")
    found = "; ".join(parts)
    return Finding("dead and hot pixels", BAD if stuck.any() else DOUBTFUL, found, _MASK_THEM, figures)


_MASK_THEM = (
    "mask them: `ptychograd diagnose --write-mask FILE.npy` writes the mask, `data.mask.image=FILE.npy` takes it"
)


def suspects(evidence: Evidence) -> tuple[Bool[np.ndarray, "y x"], Bool[np.ndarray, "y x"], Bool[np.ndarray, "y x"]]:
    """Valid pixels that look dead, hot, and stuck at a number that is no count of photons."""
    total, valid = evidence.data.sums
    stuck = standing_out(stuck_pixels(evidence.sample), evidence.sample) | frozen_pixels(evidence.sample)
    usable = (valid > 0) & ~stuck
    dead, hot = dead_pixels(total, usable), hot_pixels(total, usable)
    if not evidence.is_near:  # a plane wave's direct beam is one pixel wide
        hot[tuple(slice(n // 2 - 1, n // 2 + 2) for n in total.shape)] = False
    return dead, hot, stuck


def sound_pixels(evidence: Evidence) -> Bool[np.ndarray, "y x"]:
    """True for pixels that are valid in some pattern and look neither dead nor hot nor stuck."""
    dead, hot, stuck = suspects(evidence)
    return (evidence.data.sums[1] > 0) & ~(dead | hot | stuck)


def stuck_pixels(sample: Sample) -> Bool[np.ndarray, "y x"]:
    """Pixels that show one and the same number in every pattern, as large as none of the others ever does.

    Such are marks for gaps between the modules of a detector, and pixels that are full in every pattern.
    """
    patterns, always = sample.patterns, sample.mask.all(axis=0)
    same = always & (patterns == patterns[0]).all(axis=0) & (patterns[0] >= HIGH)
    others = patterns.max(axis=0, where=sample.mask & ~same, initial=0)
    if len(patterns) < FEWEST_TO_STICK or not others.any():
        return np.zeros(same.shape, bool)
    return same & (patterns[0] >= others.max())


def standing_out(stuck: Bool[np.ndarray, "y x"], sample: Sample) -> Bool[np.ndarray, "y x"]:
    """Those of the stuck pixels that are in groups far above all around them, and so are not full of photons."""
    others = np.where(stuck, 0, sample.patterns.max(axis=0, where=sample.mask, initial=0)).astype(np.float64)
    groups = np.zeros(stuck.shape, int)
    count = int(label(stuck, np.ones((3, 3)), output=groups))  # pyright: ignore[reportArgumentType]
    brightest = np.asarray(maximum(maximum_filter(others, 3), groups, np.arange(count + 1)))
    return stuck & (sample.patterns[0] > HOT * brightest[groups])


def frozen_pixels(sample: Sample) -> Bool[np.ndarray, "y x"]:
    """Pixels that show one number in every pattern, amid others that vary, and that others do show as well.

    Counting photons repeats a number only by chance; how often it does from one pattern to the next, the bright pixels
    around tell.
    """
    patterns, always = sample.patterns, sample.mask.all(axis=0)
    bright = always & (patterns.min(axis=0) >= HIGH)
    if len(patterns) < FEWEST_TO_STICK or not bright.any():
        return np.zeros(bright.shape, bool)
    frozen = bright & (patterns == patterns[0]).all(axis=0)
    varying = always & ~frozen & (sample.mean >= HIGH / 2)
    again = np.where(varying, np.mean(patterns[1:] == patterns[:-1], axis=0), 0)
    near, around = (uniform_filter(varying.astype(np.float64), size, mode="constant") for size in (3, AROUND))
    repeats = maximum_filter(uniform_filter(again, 3, mode="constant") / np.maximum(near, 1 / 9), AROUND)
    expected = np.count_nonzero(bright) * repeats ** (len(patterns) - 1)
    return frozen & (around > MANY) & (expected < BY_CHANCE) & ~stuck_pixels(sample)


def always_the_same(sample: Sample) -> Finding | None:
    """Pixels in the light that repeat one number, whatever falls on them."""
    frozen = frozen_pixels(sample)
    if not frozen.any():
        return None
    return Finding("dead and hot pixels", BAD, summary_of_stuck(frozen, sample), _MASK_THEM, {})


def always_dark(data: Dataset) -> Finding | None:
    """Valid pixels that counted nothing in any pattern, in the midst of others that did."""
    total, valid = data.sums
    dark = (valid > 0) & (total == 0)
    if min(total.shape) < 5 or not total.any() or not dark.any():
        return None
    dead = dead_pixels(total, dark)
    if not dead.any():
        return None
    found = f"{int(dead.sum()):,} pixels counted nothing in any pattern, in the midst of light: {_places(dead)}"
    return Finding("dead and hot pixels", BAD, found, _MASK_THEM, {})


def always_extreme(sample: Sample) -> Finding | None:
    """Pixels with the same largest number in every pattern, whatever it means."""
    stuck = stuck_pixels(sample)
    if not stuck.any():
        return None
    top = float(sample.patterns[0][stuck].max())
    text = f"mask them (`data.mask.image=FILE.npy`, `data.mask.above={top - 1:.12g}`) if they are gaps or broken"
    if not standing_out(stuck, sample).all(where=stuck):
        text += f", or give `model.detector.saturation={top:.12g}` if the detector is full there"
    return Finding("dead and hot pixels", BAD, summary_of_stuck(stuck, sample), text, {})


def summary_of_stuck(stuck: Bool[np.ndarray, "y x"], sample: Sample) -> str:
    """Which pixels are stuck, and at what number."""
    low, high = (float(limit(sample.patterns[0][stuck])) for limit in (np.min, np.max))
    number = f"{high:.12g}" if low == high else f"one number, {low:.12g} to {high:.12g},"
    return f"{plural(int(stuck.sum()), 'pixel')} with {number} in every pattern: {_places(stuck)}"


def _places(which: Bool[np.ndarray, "y x"], most: int = 6) -> str:
    """Where some pixels are, the first of them."""
    where = [f"({y}, {x})" for y, x in np.argwhere(which)[:most]]
    return f"(y, x) = {', '.join(where)}" + (" ..." if np.count_nonzero(which) > most else "")


def dead_pixels(total: Float64[np.ndarray, "y x"], usable: Bool[np.ndarray, "y x"]) -> Bool[np.ndarray, "y x"]:
    """Pixels without a count where their surroundings would have made sure of some."""
    around = median_filter(total, 5)
    return usable & (total == 0) & (around > CERTAIN)


def hot_pixels(total: Float64[np.ndarray, "y x"], usable: Bool[np.ndarray, "y x"]) -> Bool[np.ndarray, "y x"]:
    """Pixels far brighter than the brightest of their neighbours.

    None in a corner, where a beam one pixel wide is if the zero frequency is there.
    """
    light = np.pad(np.where(usable, total, 0), 1)
    height, width = total.shape
    shifts = [(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    brightest = np.max([light[i : i + height, j : j + width] for i, j in shifts], axis=0)
    found = usable & (total > HOT * brightest + CERTAIN)
    found[[0, 0, -1, -1], [0, -1, 0, -1]] = False
    return found
