"""Which pixels a mask means: told by a person, else by the file's format, the mask's name, and its share of pixels."""

import re
from collections.abc import Callable, Mapping

import numpy as np

from ptychograd.data.files.formats.items import Items
from ptychograd.data.files.safety import Entry

HAS_SIGNAL = 0x1000  # CXI's bit for "the pixel has signal": the one value beside 0 that is a good pixel
FLAGS = "pixel_mask"  # of NeXus and of Eiger detectors: 0 is a good pixel, and each bit a reason why one is bad
BAD = {"bad", "badpixels", "dead", "hot", "broken", "invalid", "defect", "defects", "defective"}
GOOD = {"good", "goodpixels", "valid", "validpixels", "measured"}
FEW = 0.1  # of the pixels: so few non-zero ones, under a name that doesn't tell, are flags of bad ones


def by_name(entry: Entry) -> Items:
    """By the name; where that doesn't tell, non-zero is valid, unless that would leave hardly a pixel."""
    values = entry.array()
    text = set(re.split(r"[^a-z]+", entry.leaf))
    if entry.leaf.endswith(FLAGS) and not text & GOOD:
        return _items(values == 0, "0 = good, as in a pixel_mask of NeXus and of Eiger detectors")
    if text & BAD:
        return _items(values == 0, "non-zero = bad by its name")
    share = _share(values)
    if not text & GOOD and share < FEW:
        return _items(values == 0, f"non-zero = bad, as only {share:.2%} are non-zero")
    return _items(_truth(values), "non-zero = valid")


def of_cxi(entry: Entry) -> Items:
    """Valid pixels: those that CXI marks with 0 or with "has signal"."""
    flags = entry.array()
    signal = flags == HAS_SIGNAL
    valid = (flags == 0) | signal
    marked = f"mask: {np.count_nonzero(signal):,} pixels marked 0x1000, has signal, taken as valid"
    few = f"mask: 0 and 0x1000 = valid, as in CXI, so {_share(valid):.2%} of the pixels are valid"
    return Items(mask=valid, notes=((marked,) if signal.any() else ()) + ((few,) if 2 * _share(valid) < 1 else ()))


def of_own(entry: Entry) -> Items:
    """The package's own format: True is valid."""
    return Items(mask=_truth(entry.array()))


def _good(entry: Entry) -> Items:
    return _items(_truth(entry.array()), "non-zero = good, as was said")


def _bad(entry: Entry) -> Items:
    return _items(entry.array() == 0, "non-zero = bad, as was said")


SAID: Mapping[str, Callable[[Entry], Items]] = {"good": _good, "bad": _bad}


def _truth(values: np.ndarray) -> np.ndarray:
    """True where non-zero; NaN is no pixel that anyone vouches for."""
    return (values != 0) & (values == values)


def _share(values: np.ndarray) -> float:
    return np.count_nonzero(values) / max(1, values.size)


def _items(valid: np.ndarray, meaning: str) -> Items:
    return Items(mask=valid, notes=(f"mask: {meaning}, so {_share(valid):.2%} of the pixels are valid",))
