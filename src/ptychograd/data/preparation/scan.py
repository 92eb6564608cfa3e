"""Which patterns of a scan are used, and how its positions are turned."""

from dataclasses import replace

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.checks.places import isolated
from ptychograd.data.dataset import Dataset, Variables, positions_of, subset
from ptychograd.data.preparation.wanted import ChosenFrames


def with_chosen_frames(data: Dataset, asked: ChosenFrames) -> Dataset:
    """The data with the patterns of these numbers alone, of which the photons are not looked at.

    Of rocking curves numbers are those of whole curves.

    Raises:
        InputError: numbers beyond those of the patterns, or none that is left.
    """
    count = data.count // data.group
    last = count - 1 if asked.last is None else asked.last
    if not 0 <= asked.first < count or not asked.first <= last < count:
        raise InputError(
            f"`data.prepare.frames.first` {asked.first} to `data.prepare.frames.last` {last}: there are {count:,} "
            f"patterns; expected numbers from 0 to {count - 1}, the last not before the first."
        )
    if asked.every < 1:
        raise InputError(f"`data.prepare.frames.every` {asked.every}: expected 1 or more.")
    for name in ("only", "leave_out"):
        _check_numbers(name, getattr(asked, name), count)
    numbers = np.arange(asked.first, last + 1, asked.every)
    if asked.only:
        numbers = np.array([number for number in asked.only if number in set(numbers.tolist())], int)
    numbers = numbers[~np.isin(numbers, asked.leave_out)]
    if len(numbers) == count and (numbers == np.arange(count)).all():
        return data
    return chosen(data, numbers, "frames", "chosen by number")


def of_brightness(data: Dataset, dimmest: float | None, brightest: float | None) -> Dataset:
    """The data without patterns that have far fewer or far more photons than the median of those that have some.

    Args:
        data: patterns.
        dimmest: share of the median below which a pattern is left out; None leaves none out.
        brightest: share of the median above which it is.

    Raises:
        InputError: shares that leave nothing.
    """
    if dimmest is None and brightest is None:
        return data
    photons = data.photons.reshape(-1, data.group).sum(axis=1)
    typical = float(np.median(photons[photons > 0])) if photons.any() else 0.0
    low, high = dimmest or 0.0, np.inf if brightest is None else brightest
    used = np.flatnonzero((photons >= low * typical) & (photons <= high * typical))
    if len(used) == len(photons):
        return replace(data, notes=(*data.notes, "prepared: no pattern is so dim or so bright that it is left out"))
    name = "frames.dimmest" if dimmest is not None else "frames.brightest"
    return chosen(data, used, name, f"of {low:.3g} to {high:.3g} times the median of {typical:.4g} photons")


def without_outliers(data: Dataset) -> Dataset:
    """The data without patterns whose positions have no neighbour within four steps.

    Raises:
        InputError: no positions.
    """
    far = isolated(positions_of(data)[:: data.group])
    if not len(far):
        return replace(data, notes=(*data.notes, "prepared: no position is far from all others"))
    used = np.setdiff1d(np.arange(data.count // data.group), far)
    return chosen(data, used, "drop_outliers", f"with a neighbour within four steps; {_listed(far)} have none")


def chosen(data: Dataset, numbers: np.ndarray, field: str, which: str) -> Dataset:
    """The data with the patterns of these numbers, of rocking curves with these curves, in this order."""
    count, what = data.count // data.group, "patterns" if data.group == 1 else "rocking curves"
    if not len(numbers):
        raise InputError(f"`data.prepare.{field}` leaves none of {count:,} {what} of {data.source}; expected some.")
    each = (numbers[:, None] * data.group + np.arange(data.group)).ravel()
    note = f"prepared: {len(numbers):,} of {count:,} {what}, {which}"
    if not data.is_stored:
        return replace(subset(data, each), notes=(*data.notes, note))
    if data.grows:
        raise InputError(f"`data.prepare.{field}` is for complete scans, and this one is still being written.")
    return replace(
        data,
        patterns=data.store.chosen(each),
        positions=None if data.positions is None else data.positions[each],
        variables=Variables(data.variables).of(each),
        notes=(*data.notes, note),
    )


def rotated(data: Dataset, angle: float) -> Dataset:
    """The data with positions turned about their mean: (y, x) to (y cos φ + x sin φ, x cos φ - y sin φ).

    Args:
        data: a scan.
        angle: φ in radians, positive from x towards y.

    Raises:
        InputError: no positions, rocking curves, or a support, from whose array the positions are counted.
    """
    if data.group > 1 or data.support is not None:
        what = "a support, whose array fixes the positions" if data.group == 1 else "rocking curves"
        raise InputError(f"`data.prepare.rotate_scan`: {data.source} has {what}; turn them before they are read.")
    places = positions_of(data)
    middle, (sine, cosine) = places.mean(axis=0), (np.sin(angle), np.cos(angle))
    turned = middle + (places - middle) @ np.array([[cosine, -sine], [sine, cosine]])
    note = f"prepared: positions turned by {np.degrees(angle):.4g} degrees, x towards y"
    return replace(data, positions=turned, notes=(*data.notes, note))


def _check_numbers(name: str, numbers: tuple[int, ...], count: int) -> None:
    beyond = [number for number in numbers if not 0 <= number < count]
    if beyond:
        raise InputError(
            f"`data.prepare.frames.{name}` has number {beyond[0]}, and there are {count:,} patterns; expected "
            f"0 to {count - 1}."
        )


def _listed(numbers: np.ndarray, most: int = 6) -> str:
    text = ", ".join(map(str, numbers[:most].tolist()))
    return f"number {text}" + (f" and {len(numbers) - most} more" if len(numbers) > most else "")
