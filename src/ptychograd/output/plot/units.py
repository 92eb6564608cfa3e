"""In which unit lengths are drawn."""

from ptychograd.data.geometry import UNITS, length_unit
from ptychograd.fitting.result import Result


def suited(result: Result, pixels: float) -> tuple[tuple[float, ...], str]:
    """Sides of an image's pixel (or voxel) in the unit that suits so many of them, and that unit.

    1 and "pixels" (of a volume "voxels") where only these are known.
    """
    image = result.roles.image
    is_volume = image is not None and len(image.axes) == 3
    return lengths(result.sampling, pixels, 3 if is_volume else max(2, result.object.ndim))


def lengths(sampling: tuple[float, ...] | None, pixels: float, count: int = 2) -> tuple[tuple[float, ...], str]:
    """The same for sides in metres, of which there are so many."""
    if not sampling:
        return (1.0,) * count, "voxels" if count == 3 else "pixels"
    unit = length_unit(pixels * max(sampling))
    return tuple(side / UNITS[unit] for side in sampling), unit
