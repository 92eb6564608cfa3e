"""In which unit lengths are drawn."""

from ptychograd.data.geometry import UNITS, length_unit
from ptychograd.fitting.result import Result


def suited(result: Result, pixels: float) -> tuple[tuple[float, ...], str]:
    """Sides of an object's pixel (or voxel) in the unit that suits so many of them, and that unit.

    1 and "pixels" (of a crystal "voxels") where only these are known.
    """
    if not result.sampling:
        return (1.0,) * max(2, result.object.ndim), "voxels" if "object.density" in result.arrays else "pixels"
    unit = length_unit(pixels * max(result.sampling))
    return tuple(side / UNITS[unit] for side in result.sampling), unit
