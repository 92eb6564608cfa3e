"""Lengths, energies and angles of an entry, in the unit that the file states."""

import math
from collections.abc import Mapping

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.safety import Entry
from ptychograd.data.geometry import ANGLES, ENERGIES, HARDEST, LENGTHS, reciprocal, unit_size, wavelength_from_kev

PLAUSIBLE = (0.001, 200.0)  # keV, from the infrared to the hardest X-rays of a synchrotron
PIXELS = {"px": 1.0, "pixel": 1.0}


def metres(entry: Entry) -> float:
    """Metres in the unit that the file states; 1 where it states none."""
    return _size(entry, LENGTHS, "m")


def radians(entry: Entry) -> float:
    """Radians in the unit that the file states; 1 where it states none."""
    return _size(entry, ANGLES, "rad")


def real(entry: Entry) -> np.ndarray:
    """All values of an entry, which have to be real."""
    values = entry.array()
    if np.iscomplexobj(values):
        raise InputError(f"{entry} holds complex numbers; expected real ones.")
    return values


def in_pixels(entry: Entry) -> bool:
    """Whether the file states pixels as the unit."""
    return entry.units is not None and unit_size(entry.units, PIXELS) is not None


def length(entry: Entry) -> float:
    """One length in metres."""
    return entry.number() * metres(entry)


def is_of_photons(entry: Entry) -> bool:
    """Whether the file states a unit of energy, and the number is an energy that photons of an experiment have."""
    size = unit_size(entry.units or "", ENERGIES)
    return size is not None and PLAUSIBLE[0] <= entry.number() * size <= PLAUSIBLE[1]


def wavelength(entry: Entry, unit: str) -> tuple[float, tuple[str, ...]]:
    """Wavelength in metres from a wavelength or an energy, and a note if that is none of X-rays or light.

    Args:
        unit: of a number for which the file states none, as "m" or "keV".
    """
    stated, value = entry.units or unit, entry.number()
    size = unit_size(stated, LENGTHS)
    if size is not None:
        return value * size, ()
    size = unit_size(stated, ENERGIES)
    if size is None:
        raise _unknown(entry, LENGTHS | ENERGIES)
    energy = value * size
    text = f"{entry} is read as the photons' energy, {value:g} {stated}"
    text += f" or {energy:g} keV" if size != 1 else ""
    if not (math.isfinite(energy) and energy > 0):
        raise InputError(f"{text}, and {energy:g} keV is impossible; give their energy with the key energy_kev=...")
    if energy > HARDEST:
        if entry.units is None and unit == "J":
            raise InputError(f"{text}, and no X-ray has that; say the unit, as energy={entry.name}:keV.")
        if entry.units is None:
            raise InputError(
                f"{text}, and no X-ray has that; if it is in eV, give {value / 1000:g} keV with energy_kev."
            )
        raise InputError(
            f"{text}, and no X-ray has that; if it is that of electrons in a ring, give the photons' as energy_kev."
        )
    if PLAUSIBLE[0] <= energy <= PLAUSIBLE[1]:
        return wavelength_from_kev(energy), ()
    return wavelength_from_kev(energy), (f"wavelength: {text}; if that is wrong, give the key energy_kev=...",)


def _size(entry: Entry, units: Mapping[str, float], unit: str) -> float:
    size = unit_size(entry.units or unit, units)
    if size is None:
        raise _unknown(entry, units)
    return size


def _unknown(entry: Entry, units: Mapping[str, float]) -> InputError:
    known = ", ".join(units)
    whole = reciprocal(entry.units or "")
    if whole is not None and unit_size(whole, LENGTHS) is not None:
        return InputError(
            f'{entry} is in "{entry.units}", one over a length, with 2π in it or not; expected one of {known}: '
            "give the number itself as a key, in metres."
        )
    return InputError(
        f'{entry} is in "{entry.units}"; expected one of {known}; mend the unit, or give the number as a key.'
    )
