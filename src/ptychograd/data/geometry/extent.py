"""Extents of a scan: the object array that it needs, and positions in a unit that can't be."""

import math

import numpy as np
from jaxtyping import Float64

from ptychograd.core.errors import InputError
from ptychograd.data.geometry.units import UNITS, format_length

MOST_EMPTY = 60.0  # object area over the area of abutting windows: real scans overlap and stay far below
LARGEST_OBJECT = 2**31  # bytes as complex64
LONGEST_SIDE = 30_000  # pixels of the object array
LEAST_SPAN = 0.01  # pixels: a scan that moves at all moves by more
ROUNDING = 1e-6  # pixels: positions in metres over a sampling are not exact integers
MOST_NEIGHBOURS = 300  # positions that a median step is taken from
FARTHEST = 1e12  # in any unit: what is said to be farther away counts as if it were there, so that nothing overflows

Positions = Float64[np.ndarray, "index 2"]


def bounded(positions: Positions) -> Positions:
    """Positions of which those that are absurdly far away are less so: still absurd, but safe to calculate with."""
    return np.clip(positions, -FARTHEST, FARTHEST)


def object_shape_needed(positions: Positions, frame_shape: tuple[int, int]) -> tuple[int, int]:
    """Smallest object array (Y, X) that holds the window of every position.

    Args:
        positions: (index, 2) in object pixels, (y, x); the smallest one becomes the object's first pixel.
        frame_shape: window (y, x) in pixels.
    """
    rows, columns = np.ceil(np.ptp(bounded(positions), axis=0) - ROUNDING)
    return max(int(rows), 0) + frame_shape[0], max(int(columns), 0) + frame_shape[1]


def nearest_step(positions: Positions) -> float:
    """Median distance from a position to its nearest neighbour, in the positions' unit; nan if alone."""
    count, positions = len(positions), bounded(positions)
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
    positions = bounded(positions)
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
        f"The positions span {_span_text(span, sampling)}, which needs an object of"
        f" {_integer(shape[0])} x {_integer(shape[1])} pixels"
        f" ({8 * shape[0] * shape[1] / 1e9:,.3g} GB as complex64), too large for"
        f" {len(positions)} windows of {frame_shape[0]} x {frame_shape[1]}:"
        f" {_likely_cause(positions, frame_shape, sampling)}."
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
    units = [text.split(" (")[0] for text in plausible]
    cure = f"; say so where they are named, as `data.keys.positions=PATH:{units[0]}`" if units[0] in UNITS else ""
    return f"the positions are probably not in {expected} but in {' or in '.join(plausible)}{cure}"


def _is_plausible(positions: Positions, frame_shape: tuple[int, int]) -> bool:
    """True if the object is reasonable and a step is neither lost in a pixel nor longer than a window."""
    return _is_reasonable(positions, frame_shape) and 0.5 < nearest_step(positions) < max(frame_shape)


def _span_text(span: np.ndarray, sampling: tuple[float, float] | None) -> str:
    pixels = f"{span[0]:.6g} x {span[1]:.6g} object pixels"
    if sampling is None:
        return pixels
    lengths = " x ".join(format_length(length) for length in span * sampling)
    return f"{lengths} ({pixels} of {format_length(sampling[0])} x {format_length(sampling[1])})"


def _integer(number: int) -> str:
    return f"{number:,}" if number < 10**9 else f"{number:.3g}"
