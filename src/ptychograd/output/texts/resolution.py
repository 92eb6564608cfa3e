"""What a person, or a program, is told of the resolution that two halves of the patterns agree to."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ptychograd.data.geometry import format_length
from ptychograd.quality.rings import HALF_BIT, ONE_BIT

if TYPE_CHECKING:
    from ptychograd.fitting.result import Result
    from ptychograd.quality.rings import RingCorrelation


def resolution_lines(found: "RingCorrelation", result: "Result") -> Iterator[str]:
    """The resolution by both thresholds; `result` is one of the halves."""
    for bits, name in ((HALF_BIT, "half-bit"), (ONE_BIT, "one-bit")):
        width = found.resolution(bits)
        if width is None:
            yield f"resolution ({name} threshold): none, the halves have nothing in common"
            continue
        reach = " or better: the halves agree up to the smallest period" if found.reaches_limit(bits) else ""
        yield f"resolution ({name} threshold): {_length(width, result)} half period{reach}"


def doubts_on_resolution(found: "RingCorrelation", result: "Result") -> str:
    """That the halves do not agree on slow variations; nothing if they do."""
    low = found.unknown_below(HALF_BIT)
    if low <= 0:
        return ""
    return f"The halves do not agree on variations slower than a period of {_length(1 / low, result)}."


def resolution_figures(found: "RingCorrelation", result: "Result") -> dict:
    """The same as numbers."""
    return {
        "resolution_half_bit": found.resolution(HALF_BIT),
        "resolution_one_bit": found.resolution(ONE_BIT),
        "unit": "pixel" if result.sampling is None else "m",
        "reaches_limit": found.reaches_limit(HALF_BIT),
        "frequency": found.frequency.tolist(),
        "correlation": found.correlation.tolist(),
        "half_bit": found.threshold(HALF_BIT).tolist(),
        "one_bit": found.threshold(ONE_BIT).tolist(),
    }


def _length(width: float, result: "Result") -> str:
    return f"{width:.3g} pixels" if result.sampling is None else format_length(width)
