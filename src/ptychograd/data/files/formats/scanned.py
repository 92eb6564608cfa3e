"""Scans of an electron beam over a grid: the step and the width of a pixel that files of microscopes state."""

from dataclasses import replace

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.formats.items import Items
from ptychograd.data.files.safety import Entry
from ptychograd.data.geometry import ANGLES, LENGTHS, electron_wavelength, format_length, reciprocal, unit_size
from ptychograd.data.raster import RasterScan

NOMINAL = 1.0  # m, of the detector, where a file states angles and no distance


def scanned(
    given: Items, grid: tuple[int, int] | None, step: Entry | None, pixel: Entry | None, voltage: Entry | None
) -> Items:
    """Positions and geometry of a scan over a grid, of what is not given.

    Args:
        step: along y and x, or one for both, in a unit of length.
        pixel: its width, (y, x) or one for both, as an angle or as one over a length.
        voltage: energy of the electrons in keV.
    """
    found = _on_grid(given, grid, step)
    wavelength = given.wavelength
    if wavelength is None and voltage is not None:
        energy = voltage.number()
        wavelength = electron_wavelength(1e3 * energy)
        found = replace(
            found, wavelength=wavelength, notes=(*found.notes, f"wavelength: of electrons of {energy:g} keV")
        )
    if pixel is None or given.distance is not None or given.pixel_size is not None:
        return found
    angles = _angles(pixel, wavelength)
    if angles is None:
        note = f"pixel_size: the file states {pixel.units}, for which the wavelength is missing"
        return replace(found, notes=(*found.notes, note))
    note = f"distance: {NOMINAL:g} m is nominal, as the file states the angle of a pixel, {1e3 * angles[1]:.4g} mrad"
    sizes = (NOMINAL * angles[0], NOMINAL * angles[1])
    return replace(found, distance=NOMINAL, pixel_size=sizes, notes=(*found.notes, note))


def _on_grid(given: Items, grid: tuple[int, int] | None, step: Entry | None) -> Items:
    """Positions, unless they are given, or the step is no length."""
    size = None if step is None else unit_size(_plain(step.units), LENGTHS)
    if grid is None or step is None or size is None or given.has("positions"):
        return Items()
    scan = RasterScan((np.abs(step.array()) * size).tolist())
    steps = " and ".join(map(format_length, scan.step))
    note = f"positions: a raster scan with steps of {steps} along y and x, as the file says"
    return Items(positions=scan.positions(grid=grid), unit="m", notes=(note,))


def _angles(pixel: Entry, wavelength: float | None) -> tuple[float, float] | None:
    """Angles of a pixel, (y, x), in radians; None where they need a wavelength that nobody knows."""
    values = np.abs(np.ravel(pixel.array()).astype(float))
    rows, columns = values if values.size == 2 else (values[0], values[0])
    unit = _plain(pixel.units)
    angle = unit_size(unit, ANGLES)
    if angle is not None:
        return float(rows * angle), float(columns * angle)
    length = unit_size(reciprocal(unit) or "", LENGTHS)
    if length is None:
        raise InputError(f'{pixel} is in "{pixel.units}"; expected an angle, or one over a length, as 1/nm.')
    if wavelength is None:
        return None
    return float(wavelength * rows / length), float(wavelength * columns / length)


def _plain(unit: str | None) -> str:
    """A unit as EMD writes it, [n_m] or [n_m^-1], in the usual way."""
    return (unit or "").strip("[] ").replace("n_m", "nm").replace("m_rad", "mrad")
