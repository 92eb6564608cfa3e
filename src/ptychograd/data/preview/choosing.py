"""How much of the data a preview takes: fewer pixels of the detector, and neighbouring positions in the middle."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from ptychograd.core.errors import InputError
from ptychograd.core.illumination import brightness
from ptychograd.data.dataset import Dataset, check_data, subset
from ptychograd.data.patterns import illuminated_positions
from ptychograd.data.preview.reducing import Reduction, binned, cropped, fewer, middle

EPOCHS = 30  # that a preview has time for
# Nesterov on two cores with four times as many processes at work: 4.3 to 9.1 million pixels a second, 60 to 120
# patterns of 32 to 128 pixels a side; the program was ready after 4 to 7 s.
PIXELS_A_SECOND = 4e6
STARTING = 12.0  # seconds to compile, and to draw
ANGLES_COST = 4.0  # of a pixel of a rocking curve, over one of a thin object
ENOUGH = 200  # positions: with fewer, pixels are left out first
FEWEST = 16  # positions: with fewer, light is left out too
SMALLEST = 32  # pixels along a side
LIGHT, PROBE = 0.85, 0.98  # of the photons in the middle of the detector; of the probe in the middle of its window
FACTORS = (2, 4, 8, 16)


class _Choice(NamedTuple):
    factor: int
    reduce: Reduction
    text: str


def preview_of(data: Dataset, seconds: float = 30.0) -> tuple[Dataset, str]:
    """A part of the data of which 30 epochs take less than that time on two cores, and what was left out.

    Of many or large patterns it takes the ones nearest to the middle of the scan, and fewer pixels. In the far field
    the middle of the detector is kept where it holds 85 % of the photons: the window of the probe stays as it is, and
    the object has larger pixels. Else counts are summed up over neighbouring pixels, if a start probe is known and 98 %
    of it are in the middle of the window, which gets narrower. In a near field counts are summed up, and the object has
    larger pixels. Rocking curves keep theirs.

    Args:
        data: the whole scan; it is not changed.
        seconds: for starting and 30 epochs of `Nesterov`; by default half a minute.

    Returns:
        the part, or the data themselves where they are small enough; and a sentence about it.

    Raises:
        InputError: a time that is not above 0.

    Example:
        >>> part, note = pg.data.preview_of(data, seconds=1e-3)
        >>> part.count, note
        (1, 'preview: 1 of 56 patterns, those nearest to the middle of the scan')
    """
    check_data(data)
    if not 0 < seconds < np.inf:
        raise InputError(f"A preview that takes {seconds:g} s; expected a time above 0.")
    pixels = max(seconds - STARTING, seconds / 5) * PIXELS_A_SECOND / EPOCHS
    choice = _reduction(data, pixels)
    count = _fitting(data, pixels, choice.factor if choice else 1)
    chosen = _in_the_middle(data, count)
    part, texts = data, []
    if len(chosen) < data.count // data.group:
        part = subset(data, (chosen[:, None] * data.group + np.arange(data.group)).ravel())
        what = "positions" if data.group > 1 else "patterns"
        where = ", those nearest to the middle of the scan" if data.positions is not None else ""
        texts.append(f"{len(chosen):,} of {data.count // data.group:,} {what}{where}")
    if choice:
        part = choice.reduce(part, choice.factor)
        texts.append(choice.text)
    return part, f"preview: {'; '.join(texts)}" if texts else "preview: all patterns, as they are"


def _fitting(data: Dataset, pixels: float, factor: int) -> int:
    """How many positions there is time for, one at least."""
    frame = float(np.prod([fewer(n, factor) for n in data.frame_shape]))
    frame *= ANGLES_COST * data.group if data.rocking_curve else 1
    return min(max(1, int(pixels / frame)), data.count // data.group)


def _reduction(data: Dataset, pixels: float) -> _Choice | None:
    """The least reduction of the pixels with which there is time for enough positions; None where none is needed."""
    wanted, fewest = (min(number, data.count // data.group) for number in (ENOUGH, FEWEST))
    if data.rocking_curve or _fitting(data, pixels, 1) >= wanted:
        return None
    best = None
    for factor in FACTORS:
        if min(fewer(n, factor) for n in data.frame_shape) < SMALLEST:
            break
        needed = _fitting(data, pixels, best.factor if best else 1) < fewest
        found = _by(data, factor, at_any_cost=needed)
        best = found or best
        if best and _fitting(data, pixels, best.factor) >= wanted:
            break
    return best


def _by(data: Dataset, factor: int, *, at_any_cost: bool) -> _Choice | None:
    """What makes the patterns smaller by a factor, if it does no harm."""
    small = " x ".join(str(fewer(n, factor)) for n in data.frame_shape)
    whole = " x ".join(str(n) for n in data.frame_shape)
    if data.near_field:
        text = f"counts summed up over {factor} x {factor} pixels, {small} of {whole}, so that the object is as coarse"
        return _Choice(factor, binned, text)
    inside = tuple(middle(n, fewer(n, factor)) for n in data.frame_shape)
    light = _share(data.mean_pattern, inside)
    if light < LIGHT and data.probe is not None and _share(brightness(data.probe), inside) >= PROBE:
        text = f"counts summed up over {factor} x {factor} pixels, {small} of {whole}, so that the window is as narrow"
        return _Choice(factor, binned, text)
    if light >= LIGHT or at_any_cost:
        text = f"the middle {small} of {whole} pixels with {light:.0%} of the photons, so that the object is coarser"
        return _Choice(factor, cropped, text)
    return None


def _share(image: Float64[np.ndarray, "y x"], inside: tuple[slice, ...]) -> float:
    total = float(image.sum())
    return float(image[inside].sum()) / total if total > 0 else 0.0


def _in_the_middle(data: Dataset, count: int) -> Int[np.ndarray, " place"]:
    """Numbers of so many positions next to each other, in order; without positions some that are spread evenly."""
    places = illuminated_positions(data)
    if count >= data.count // data.group or not len(places):
        return np.arange(data.count // data.group)
    if data.positions is None:
        return places[np.unique(np.linspace(0, len(places) - 1, min(count, len(places))).astype(int))]
    where = data.positions[places * data.group]
    away = np.hypot(*(where - np.median(where, axis=0)).T)
    return np.sort(places[np.argsort(away, kind="stable")[:count]])
