"""Units: their sizes, by any name that files give them, and lengths in words."""

import re
import unicodedata
from collections.abc import Mapping

JOULES_PER_KEV = 1.602176634e-16  # exact in the SI of 2019

UNITS = {"m": 1.0, "mm": 1e-3, "µm": 1e-6, "nm": 1e-9, "pm": 1e-12}
LENGTHS = {**UNITS, "cm": 1e-2, "Å": 1e-10}  # in metres
ENERGIES = {"eV": 1e-3, "keV": 1.0, "MeV": 1e3, "GeV": 1e6, "J": 1 / JOULES_PER_KEV}  # in keV
ANGLES = {"rad": 1.0, "mrad": 1e-3, "µrad": 1e-6, "deg": 0.017453292519943295}  # in radians
QUANTITIES = {  # by their unit in the SI, those of the field in which they come
    "m": LENGTHS,
    "rad": ANGLES,
    "J": {**{name: size * JOULES_PER_KEV for name, size in ENERGIES.items()}, "J": 1.0},
    "s": {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9, "ps": 1e-12, "fs": 1e-15, "min": 60.0, "h": 3600.0},
    "K": {"K": 1.0, "mK": 1e-3},
    "V": {"V": 1.0, "mV": 1e-3, "kV": 1e3},
    "T": {"T": 1.0, "mT": 1e-3},
    "Pa": {"Pa": 1.0, "kPa": 1e3, "MPa": 1e6, "GPa": 1e9},
    "pixel": {"pixel": 1.0, "px": 1.0},
    "photons": {"photons": 1.0},
    "1": {"1": 1.0},
}

_PREFIXES = {"": "", "milli": "m", "micro": "µ", "nano": "n", "pico": "p", "centi": "c", "kilo": "k", "mega": "M"}
_TEXTS = {  # in small letters and in the singular
    **{f"{prefix}{text_part}": f"{sign}m" for prefix, sign in _PREFIXES.items() for text_part in ("meter", "metre")},
    **{f"{prefix}electron{gap}volt": f"{sign}eV" for prefix, sign in _PREFIXES.items() for gap in ("", " ")},
    **{f"{prefix}radian": f"{sign}rad" for prefix, sign in _PREFIXES.items()},
    **{f"{prefix}{text_part}": f"{sign}s" for prefix, sign in _PREFIXES.items() for text_part in ("second", "sec")},
    **{"minute": "min", "hour": "h", "us": "µs", "kelvin": "K", "volt": "V", "tesla": "T", "pascal": "Pa"},
    **{"photon": "photons", "dimensionless": "1"},
    **{text_part: "Å" for text_part in ("angstrom", "ångström", "ångstrom", "ang")},
    **{"micron": "µm", "um": "µm", "urad": "µrad", "joule": "J", "degree": "deg", "°": "deg"},
    **{"ev": "eV", "kev": "keV"},
}
_SIGNS = {"A": "Å", "\udcb5m": "µm", "\udcb5rad": "µrad", "\udcc5": "Å"}  # the last ones are in Latin-1, not in UTF-8
_ONE_OVER = re.compile(r"1\s*/\s*(.+)|(.+?)\s*(?:\^|\*\*)?\s*[-\u2212]1")


def unit_size(name: str, units: Mapping[str, float]) -> float | None:
    """The size of a unit among these, by whatever name it has; None for any other."""
    plain = unicodedata.normalize("NFKC", name).strip().replace("\u03bc", "µ")
    text_part = plain.lower()
    text_part = text_part[:-1] if len(text_part) > 4 and text_part.endswith("s") else text_part
    loud = plain.lower() if plain.isupper() else ""
    names = (plain, _SIGNS.get(plain, ""), _TEXTS.get(text_part, ""), text_part if len(text_part) > 2 else loud)
    return next((units[known] for known in names if known in units), None)


def in_si(name: str) -> tuple[str, float] | None:
    """The unit of the SI, or pixel, photons or 1, of what a unit measures, and its size in that; None if unknown."""
    sizes = ((unit, unit_size(name, units)) for unit, units in QUANTITIES.items())
    return next(((unit, size) for unit, size in sizes if size is not None), None)


def reciprocal(name: str) -> str | None:
    """The unit of which this one is the reciprocal, as nm of 1/nm or nm^-1; None if it is none."""
    found = _ONE_OVER.fullmatch(unicodedata.normalize("NFKC", name).strip())
    return None if found is None else (found[1] or found[2]).strip()


def format_length(metres: float) -> str:
    """A length with the prefix that suits it: 9.79e-11 becomes "97.9 pm"."""
    unit = length_unit(metres)
    return f"{metres / UNITS[unit]:.4g} {unit}" if metres else "0 m"


def length_unit(metres: float) -> str:
    """The unit in which a length is a number from 1 to 999, among those of `UNITS`: "nm" for 2e-9."""
    return next((unit for unit, size in UNITS.items() if abs(metres) >= 0.9995 * size), "pm")
