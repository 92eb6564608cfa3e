"""Which pixels are valid, as those say it who bring arrays: masks of either meaning, NaN, and arrays of `numpy.ma`."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64

from ptychograd.core.errors import InputError
from ptychograd.data.dataset.types import real_positions

MEANINGS = ("good", "bad")
LEAST = 0.5  # share of valid pixels below which a mask is probably the wrong way round


def check_meaning(mask_is: str | None) -> None:
    """Refuse what is no meaning of a mask."""
    if mask_is not in (None, *MEANINGS):
        raise InputError(f'mask_is={mask_is!r}: expected "good" or "bad", what True or non-zero means in the mask.')


def valid_pixels(mask, shape: tuple[int, ...], mask_is: str | None = None) -> Bool[np.ndarray, "..."]:
    """True where a mask says that a pixel is valid; NaN, and what `numpy.ma` masks, never is. All valid without one.

    Args:
        shape: of the patterns (index, y, x).
        mask_is: what True or non-zero means, "good" (by default) or "bad".
    """
    check_meaning(mask_is)
    if mask is None:
        return np.ones(shape[1:], bool)
    bare, known = bared(mask)
    valid = bare.astype(bool) != (mask_is == "bad")
    valid &= bare == bare
    return valid if known is None else valid & known


def bared(array) -> tuple[np.ndarray, Bool[np.ndarray, "..."] | None]:
    """An array without the mask of `numpy.ma`, and True where that has a value; None where nothing is masked."""
    parts = isinstance(array, (list, tuple)) and any(np.ma.isMaskedArray(part) for part in array)
    array = np.ma.stack(list(array)) if parts else array
    known = None if not np.ma.isMaskedArray(array) or array.mask is np.ma.nomask else ~np.ma.getmaskarray(array)
    known = None if known is None or known.all() else known
    return np.asarray(np.ma.getdata(array) if np.ma.isMaskedArray(array) else array), known


def filled(array) -> Float64[np.ndarray, "..."]:
    """Positions as float64, NaN where `numpy.ma` masks them."""
    bare, known = bared(array)
    numbers = real_positions(bare)
    return numbers if known is None else np.where(known, numbers, np.nan)


def joined(mask: Bool[np.ndarray, "..."], known: Bool[np.ndarray, "..."] | None) -> Bool[np.ndarray, "..."]:
    """A mask and what `numpy.ma` knew of the patterns (index, y, x): one for all patterns where that is alike."""
    if known is None or known.ndim != 3 or mask.shape not in (known.shape, known.shape[1:]):
        return mask
    return mask & (known[0] if (known == known[0]).all() else known)


def check_share(mask: Bool[np.ndarray, "..."], notes: Sequence[str], source: str = "") -> None:
    """Refuse a mask that leaves fewer than half of the pixels of the patterns that are not left out as a whole.

    Args:
        notes: what is known about the data; those on the mask are told.
        source: the file, if it is to be told.
    """
    shown = mask[mask.any(axis=(1, 2))] if mask.ndim == 3 else mask
    share = float(np.mean(shown)) if shown.size else 0.0
    if share >= LEAST:
        return
    said = [note.removeprefix("mask: ") for note in notes if note.startswith("mask:") and "guessed" not in note]
    text = f" ({'; '.join(said)})" if said else ""
    other = "good" if any("= bad" in note or note.startswith("0 ") for note in said) else "bad"
    start = f"{source}: " if source else ""
    raise InputError(
        f"{start}{share:.2%} of the pixels are valid, fewer than half{text}. If the mask is the "
        f'other way round, say `data.mask.nonzero={other}` (mask_is="{other}"); if so few are meant, '
        "`data.mask.allow_most=true` (allow_masked=True)."
    )
