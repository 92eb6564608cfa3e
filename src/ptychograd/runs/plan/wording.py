"""Quantities as a person would write them, which are read back as the same number."""

import math

from ptychograd.runs.plan.quantities import quantity

UNITS = {  # those that are written, from large to small
    "m": ("m", "mm", "µm", "nm", "pm"),
    "J": ("MeV", "keV", "eV"),
    "rad": ("rad", "mrad", "µrad", "deg"),
    "s": ("h", "min", "s", "ms"),
    "V": ("kV", "V"),
    "B": ("TB", "GB", "MB", "kB", "GiB", "MiB", "KiB", "B"),
}
LESS_USUAL = ("deg", "GiB", "MiB", "KiB")
DIGITS = (*range(1, 16), 17)


def as_written(value: float, unit: str) -> str | float:
    """A quantity with the shortest of its texts, as "3.65 mm" for 0.00365; the number itself if no text is as exact.

    Args:
        value: in the unit of the SI.
        unit: that unit.
    """
    if not math.isfinite(value) or value == 0:
        return value
    texts = [text for name in UNITS.get(unit, ()) for text in _exact(value, unit, name)]
    return min(texts, key=_trouble) if texts else value


def _exact(value: float, unit: str, name: str) -> list[str]:
    """The shortest text in one unit that is read as the same number, if there is any."""
    size = quantity(f"1 {name}", unit)
    for digits in DIGITS:
        text = f"{_decimal(value / size, digits)} {name}"
        if quantity(text, unit) == value:
            return [text]
    return []


def _decimal(number: float, digits: int) -> str:
    """A number with so many significant digits, without a power of ten where that is readable."""
    text = f"{number:.{digits}g}"
    return f"{float(text):.15g}" if "e" in text and 1e-3 <= abs(number) < 1e7 else text


def _trouble(text: str) -> tuple[bool, int, bool, float]:
    """How hard a text is to read: digits first, then numbers far from those that one counts in."""
    number, unit = text.split(" ")
    size = abs(float(number))
    digits = len(number.replace(".", "").replace("-", "").strip("0"))
    beyond = 0 if 1 <= size < 1000 else 1
    return ("e" in number, digits + 3 * beyond, unit in LESS_USUAL, size)
