"""Lengths in words."""

UNITS = {"m": 1.0, "mm": 1e-3, "µm": 1e-6, "nm": 1e-9, "pm": 1e-12}


def format_length(metres: float) -> str:
    """A length with the prefix that suits it: 9.79e-11 becomes "97.9 pm"."""
    unit = length_unit(metres)
    return f"{metres / UNITS[unit]:.4g} {unit}" if metres else "0 m"


def length_unit(metres: float) -> str:
    """The unit in which a length is a number from 1 to 999, among those of `UNITS`: "nm" for 2e-9."""
    return next((unit for unit, size in UNITS.items() if abs(metres) >= 0.9995 * size), "pm")
