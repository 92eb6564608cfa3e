"""Values that can't be counts, and pixels that hold a mark: masked, and set to 0 so that they can't spread."""

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Bool, Real

from ptychograd.core.errors import InputError
from ptychograd.data.cleaning.gaps import Frame, gap_pixels, spread, summary_of_gaps

PIXELS_AT_ONCE = 2**22  # a chunk's flags then take some MB, whatever the size of the data set
# Detectors mark gaps and saturation by the maximum of the type; 255 and 32767 are small enough to be counts.
MARKED = ("uint16", "uint32", "uint64", "int32", "int64")

Patterns = Real[np.ndarray, "index y x"]
Mask = Bool[np.ndarray, "... y x"]


def clean(
    patterns: Patterns, mask: Mask, empty: Callable[..., np.ndarray] = np.empty
) -> tuple[Patterns, Mask, tuple[str, ...]]:
    """Mask NaN, infinite and negative values, a count at the maximum of its type, and pixels that hold a mark; all 0.

    Args:
        patterns: (index, y, x), never written to.
        mask: (y, x) or (index, y, x), True = valid.
        empty: makes the array of cleaned patterns.

    Returns:
        Patterns (the same array if nothing was bad), mask (one a pattern only if bad pixels differ), notes.

    Raises:
        InputError: more than half of all pixels are bad.
    """
    gaps = gap_pixels(_sample(patterns, mask), patterns.shape[1:], patterns.dtype)
    gap = np.any([*gaps.values()], axis=0) if gaps else np.zeros(patterns.shape[1:], bool)
    mask = mask & ~gap if gaps else mask
    fresh, kinds, frames, dirty = _survey(patterns, mask)
    if not dirty and not gaps:
        return patterns, mask, ()
    text = ", ".join(f"{number:,} {kind}" for kind, number in kinds.items())
    refuse_mostly_bad(int(fresh.sum()), gap, len(patterns), text)
    cleaned = empty(patterns.shape, patterns.dtype)
    cleaned[:] = patterns
    cleaned[:, gap] = 0
    alike = bool(np.isin(fresh, (0, len(patterns))).all())
    valid = mask & (fresh == 0) if alike else np.broadcast_to(mask, patterns.shape).copy()
    for chunk in _chunks(patterns) if dirty else ():
        bad = ~good_values(patterns[chunk])
        cleaned[chunk][bad] = 0
        if not alike:
            valid[chunk] &= ~bad
    where = f"{np.count_nonzero(fresh):,} in {frames:,} of {len(patterns):,} patterns"
    found = (f"mask: bad pixels found and masked: {where} ({text})",) if kinds else ()
    return cleaned, valid, (*summary_of_gaps(gaps), *found)


def refuse_mostly_bad(bad: int, gap: Bool[np.ndarray, "y x"], frames: int, text: str) -> None:
    """Raise `InputError` if more than half of the pixels of so many frames are bad or in gaps."""
    in_gaps, size = frames * int(gap.sum()), frames * gap.size
    if 2 * (bad + in_gaps) > size:
        text = ", ".join(filter(None, (text, f"{in_gaps:,} with the mark of a gap" if in_gaps else "")))
        raise InputError(
            f"More than half of all pixels are bad ({text}; of {size:,}): expected photons, not"
            " negative; if a background was subtracted, clip the patterns at 0 first."
        )


def _sample(patterns: Patterns, mask: Mask) -> Iterator[Frame]:
    """Frames that are spread over the scan, each with its good pixels."""
    for number in spread(len(patterns)).tolist():
        valid = mask if mask.ndim == 2 else mask[number]
        yield patterns[number], valid & good_values(patterns[number])


def _survey(patterns: Patterns, mask: Mask) -> tuple[np.ndarray, Counter[str], int, bool]:
    """How often each pixel (y, x) is bad though the mask says valid; why; in how many frames; if any is."""
    fresh = np.zeros(patterns.shape[1:], np.int64)
    kinds: Counter[str] = Counter()
    frames, dirty = 0, False
    for chunk in _chunks(patterns):
        bad = ~good_values(patterns[chunk])
        if not bad.any():
            continue
        dirty = True
        bad &= mask if mask.ndim == 2 else mask[chunk]
        fresh += bad.sum(axis=0)
        frames += int(bad.any(axis=(1, 2)).sum())
        kinds += kinds_of(patterns[chunk][bad])
    return fresh, kinds, frames, dirty


def kinds_of(values: np.ndarray) -> Counter[str]:
    """What is wrong with bad values, and how often."""
    finite = np.isfinite(values)
    negative = int((values[finite] < 0).sum())
    named = {
        "NaN or infinite": int((~finite).sum()),
        "negative": negative,
        f"at the maximum of {values.dtype}": int(finite.sum()) - negative,
    }
    return Counter({kind: number for kind, number in named.items() if number})


def bad_pixels(patterns: Patterns) -> Bool[np.ndarray, "index y x"] | None:
    """True where a pixel is bad; None if none is."""
    if not patterns.size or (patterns.min() >= 0 and patterns.max() < _ceiling(patterns.dtype)):  # NaN is neither
        return None
    bad = ~good_values(patterns)
    return bad if bad.any() else None


def good_values(values: np.ndarray) -> np.ndarray:
    """True where 0 <= value < ceiling; a comparison with NaN is False."""
    return (values >= 0) & (values < _ceiling(values.dtype))


def _ceiling(dtype: np.dtype) -> float | int:
    if dtype.kind == "f":
        return np.inf
    largest = int(np.iinfo(dtype).max)
    return largest if dtype.name in MARKED else largest + 1


def _chunks(patterns: Patterns) -> Iterator[slice]:
    frames = max(1, PIXELS_AT_ONCE // patterns[0].size)
    for start in range(0, len(patterns), frames):
        yield slice(start, start + frames)
