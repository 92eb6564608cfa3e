"""Lengths of an experiment, in metres and in object pixels: an exposure's geometry and a scan's extent."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from ptychograd._errors import InputError

PLANCK_TIMES_LIGHT = 6.62607015e-34 * 299_792_458.0  # h c in J m, exact in the SI of 2019
JOULES_PER_KEV = 1.602176634e-16  # exact in the SI of 2019

MOST_EMPTY = 60.0  # object area over the area of abutting windows: real scans overlap and stay far below
LARGEST_OBJECT = 2**31  # bytes as complex64
LONGEST_SIDE = 30_000  # pixels of the object array
LEAST_SPAN = 0.01  # pixels: a scan that moves at all moves by more
ROUNDING = 1e-6  # pixels: positions in metres over a sampling are not exact integers
MOST_NEIGHBOURS = 300  # positions that a median step is taken from
UNITS = {"m": 1.0, "mm": 1e-3, "µm": 1e-6, "nm": 1e-9, "pm": 1e-12}

Positions = Float64[np.ndarray, "index 2"]


@dataclass(frozen=True)
class Geometry:
    """How a pattern was exposed: everything that turns object pixels into metres in the far field.

    Args:
        wavelength: in metres.
        distance: from sample to detector, in metres.
        pixel_size: of the detector (y, x), in metres.

    Raises:
        InputError: a number is not finite, not positive, or not plausible in metres.
    """

    wavelength: float
    distance: float
    pixel_size: tuple[float, float]

    def __post_init__(self):
        _require_plausible("wavelength", self.wavelength, (1e-13, 1e-6), "is this keV or nm? expected metres")
        _require_plausible("distance", self.distance, (0.0, 1e3), "is this mm? expected metres")
        for axis, size in zip("yx", self.pixel_size, strict=True):
            _require_plausible(f"pixel_size ({axis})", size, (0.0, 1e-2), "is this µm? expected metres")

    @property
    def energy_kev(self) -> float:
        """Photon energy in keV."""
        return PLANCK_TIMES_LIGHT / self.wavelength / JOULES_PER_KEV

    def sampling(self, frame_shape: tuple[int, int]) -> tuple[float, float]:
        """Object pixel (dy, dx) in metres: wavelength distance / (n pixel_size)."""
        return far_field_sampling(self, frame_shape)


@dataclass(frozen=True)
class NearFieldGeometry(Geometry):
    """A pattern that is a shadow of the sample: magnified by the cone of a focus, or not in a parallel beam.

    By the Fresnel scaling theorem a cone beam from a focus `focus_distance` before the sample shows what a
    parallel beam would at `effective_distance`, magnified (D. Paganin, Coherent X-Ray Optics, section 1.4).

    Args:
        focus_distance: from focus to sample, in metres; negative for a beam that converges to a focus behind the
            detector; infinite for a parallel beam.
    """

    focus_distance: float = math.inf

    def __post_init__(self):
        super().__post_init__()
        if not abs(self.focus_distance) > 0:
            raise InputError(
                f"focus_distance = {self.focus_distance:g} m: expected the distance from focus to sample in metres, "
                "or inf for a parallel beam."
            )
        if not self.magnification > 0:
            raise InputError(
                f"focus_distance = {self.focus_distance:g} m and distance = {self.distance:g} m: the focus is not "
                "before the detector, so the shadow is inverted or a far field; turn the patterns by 180 degrees and "
                "give the equivalent distances, or reconstruct in the far field."
            )

    @property
    def magnification(self) -> float:
        """(z1 + z2) / z1 with z1 from focus to sample, z2 from sample to detector."""
        return 1 + self.distance / self.focus_distance

    @property
    def effective_distance(self) -> float:
        """Distance of free space in metres that makes the same pattern in a parallel beam."""
        return self.distance / self.magnification

    def sampling(self, frame_shape: tuple[int, int]) -> tuple[float, float]:
        """Object pixel (dy, dx) in metres: a detector pixel over the magnification."""
        dy, dx = (size / self.magnification for size in self.pixel_size)
        return dy, dx


def wavelength_from_kev(energy_kev: float) -> float:
    """Wavelength in metres of a photon whose energy is given in keV."""
    if not (math.isfinite(energy_kev) and energy_kev > 0):
        raise InputError(f"A photon energy of {energy_kev:g} keV is impossible; expected a positive number.")
    return PLANCK_TIMES_LIGHT / (energy_kev * JOULES_PER_KEV)


def far_field_sampling(geometry: Geometry, frame_shape: tuple[int, int]) -> tuple[float, float]:
    """Object pixel (dy, dx) in metres of a far-field pattern: wavelength distance / (n pixel_size)."""
    width = geometry.wavelength * geometry.distance
    (ny, nx), (py, px) = frame_shape, geometry.pixel_size
    return width / (ny * py), width / (nx * px)


def object_shape_needed(positions: Positions, frame_shape: tuple[int, int]) -> tuple[int, int]:
    """Smallest object array (Y, X) that holds the window of every position.

    Args:
        positions: (index, 2) in object pixels, (y, x); the smallest one becomes the object's first pixel.
        frame_shape: window (y, x) in pixels.
    """
    rows, columns = np.ceil(np.ptp(positions, axis=0) - ROUNDING)
    return max(int(rows), 0) + frame_shape[0], max(int(columns), 0) + frame_shape[1]


def nearest_step(positions: Positions) -> float:
    """Median distance from a position to its nearest neighbour, in the positions' unit; nan if alone."""
    count = len(positions)
    if count < 2:
        return math.nan
    steps = []
    for index in np.linspace(0, count - 1, min(count, MOST_NEIGHBOURS)).astype(int):
        distances = np.hypot(*(positions - positions[index]).T)
        distances[index] = np.inf
        steps.append(distances.min())
    return float(np.median(steps))


def check_extent(
    positions: Positions, frame_shape: tuple[int, int], sampling: tuple[float, float] | None = None
) -> None:
    """Refuse a scan whose object array would be absurd, and say which unit or which position is to blame.

    Args:
        positions: (index, 2) in object pixels, (y, x).
        frame_shape: window (y, x) in pixels.
        sampling: object pixel (dy, dx) in metres, if it is known.

    Raises:
        InputError: the object is far larger than the windows can cover or than memory, or nothing moves.
    """
    span = np.ptp(positions, axis=0)
    if 0 < span.max() < LEAST_SPAN:
        cure = "give wavelength, distance and pixel_size" if sampling is None else "they are expected in metres"
        raise InputError(
            f"The {len(positions)} positions span only {span.max():.2g} object pixels: they are probably in"
            f" another unit; {cure}."
        )
    if _is_reasonable(positions, frame_shape):
        return
    shape = object_shape_needed(positions, frame_shape)
    raise InputError(
        f"The positions span {_span_in_words(span, sampling)}, which needs an object of"
        f" {_integer(shape[0])} x {_integer(shape[1])} pixels"
        f" ({8 * shape[0] * shape[1] / 1e9:,.3g} GB as complex64), too large for"
        f" {len(positions)} windows of {frame_shape[0]} x {frame_shape[1]}:"
        f" {_likely_cause(positions, frame_shape, sampling)}."
    )


def format_length(metres: float) -> str:
    """A length with the prefix that suits it: 9.79e-11 becomes "97.9 pm"."""
    unit = next((unit for unit, size in UNITS.items() if abs(metres) >= 0.9995 * size), "pm")
    return f"{metres / UNITS[unit]:.4g} {unit}" if metres else "0 m"


def _require_plausible(name: str, value: float, limits: tuple[float, float], hint: str) -> None:
    low, high = limits
    if not (math.isfinite(value) and low < value < high):
        raise InputError(
            f"{name} = {value:g} m is not plausible: expected above {low:g} m and below {high:g} m; {hint}."
        )


def _is_reasonable(positions: Positions, frame_shape: tuple[int, int]) -> bool:
    rows, columns = object_shape_needed(positions, frame_shape)
    covered = len(positions) * frame_shape[0] * frame_shape[1]
    small = 8 * rows * columns <= LARGEST_OBJECT and max(rows, columns) <= LONGEST_SIDE
    return small and rows * columns <= MOST_EMPTY * covered


def _likely_cause(positions: Positions, frame_shape: tuple[int, int], sampling: tuple[float, float] | None) -> str:
    farthest = int(np.abs(positions - np.median(positions, axis=0)).max(axis=1).argmax())
    if len(positions) > 2 and _is_reasonable(np.delete(positions, farthest, axis=0), frame_shape):
        y, x = positions[farthest]
        return (
            f"position {farthest}, (y, x) = ({y:.6g}, {x:.6g}) pixels, alone causes it;"
            " correct it or leave that pattern out"
        )
    expected = "metres" if sampling else "object pixels"
    factors = {**UNITS, "object pixels": sampling[0]} if sampling else {}
    plausible = [
        f"{unit} (times {factor:.3g})"
        for unit, factor in factors.items()
        if _is_plausible(positions * factor, frame_shape)
    ]
    if not plausible:
        return f"the positions are probably in another unit; expected {expected}"
    return f"the positions are probably not in {expected} but in {' or in '.join(plausible)}"


def _is_plausible(positions: Positions, frame_shape: tuple[int, int]) -> bool:
    """True if the object is reasonable and a step is neither lost in a pixel nor longer than a window."""
    return _is_reasonable(positions, frame_shape) and 0.5 < nearest_step(positions) < max(frame_shape)


def _span_in_words(span: np.ndarray, sampling: tuple[float, float] | None) -> str:
    pixels = f"{span[0]:.6g} x {span[1]:.6g} object pixels"
    if sampling is None:
        return pixels
    lengths = " x ".join(format_length(length) for length in span * sampling)
    return f"{lengths} ({pixels} of {format_length(sampling[0])} x {format_length(sampling[1])})"


def _integer(number: int) -> str:
    return f"{number:,}" if number < 10**9 else f"{number:.3g}"
