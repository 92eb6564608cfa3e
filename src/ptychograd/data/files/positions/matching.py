"""Which position belongs to which pattern, by numbers or names that both have."""

import os
import re
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64

from ptychograd.core.errors import InputError

SHOWN = 3  # numbers that a message shows


class Match(NamedTuple):
    """Patterns that have a position, the place of each position among all, and what to note."""

    patterns: Int64[np.ndarray, " index"]
    positions: Int64[np.ndarray, " index"]
    note: str


def matched(frames: np.ndarray | None, numbers: np.ndarray, count: int, column: str) -> Match:
    """The patterns and the positions of the same number.

    Args:
        frames: of each pattern its number, or the name of its file; None: its place in the file, from 0 or from 1.
        numbers: of each position the number of its pattern, or the name of its file.
        count: of the patterns.
        column: that holds the numbers, for messages.

    Raises:
        InputError: a number occurs twice, or none is that of a pattern.
    """
    by_name = numbers.dtype.kind in "US"
    if by_name and (frames is None or frames.dtype.kind not in "US"):
        raise InputError(f'`data.join` {column}: it holds names, as "{numbers[0]}", and the patterns are in one file.')
    if not by_name and numbers.dtype.kind not in "uif":
        raise InputError(f"`data.join` {column}: expected numbers of patterns, or names of their files.")
    keys, there = _keys(numbers, by_name), _frames(frames, by_name, count)
    _check_once(keys, column, "positions")
    _check_once(there, column, "patterns")
    from_one = frames is None and not by_name and min(keys, default=0) >= 1 and max(keys, default=0) == count
    if from_one:
        there = [int(key) + 1 for key in there]  # pyright: ignore[reportArgumentType]
    places = {key: place for place, key in enumerate(keys)}
    pairs = [(number, places[key]) for number, key in enumerate(there) if key in places]
    if not pairs:
        raise InputError(
            f"`data.join` {column}: none of the {len(keys):,} positions ({_shown(keys)}) is that of one of the "
            f"{count:,} patterns ({_shown(there)})."
        )
    patterns, positions = np.array(pairs, np.int64).T
    note = f"positions: joined by {column}{', counted from 1' if from_one else ''}"
    if len(pairs) < max(count, len(keys)):
        note += f"; {count - len(pairs):,} patterns and {len(keys) - len(pairs):,} positions have no partner, left out"
    return Match(patterns, positions, note)


def numbers_of(names: list[str]) -> np.ndarray | None:
    """The numbers at the ends of names, as 12 of scan3_0012.tif; None unless each has one of its own."""
    found = [re.findall(r"\d+", os.path.splitext(os.path.basename(name))[0]) for name in names]
    numbers = [int(one[-1]) for one in found if one]
    return np.array(numbers, np.int64) if len(set(numbers)) == len(names) else None


def _frames(frames: np.ndarray | None, by_name: bool, count: int) -> list[Any]:
    """The key of each pattern."""
    if frames is None:
        return list(range(count))
    if frames.dtype.kind in "US" and not by_name:
        numbers = numbers_of([str(name) for name in frames])
        if numbers is None:
            raise InputError(f'`data.join`: the names of the files have no numbers of their own, as "{frames[0]}".')
        frames = numbers
    return _keys(frames, by_name)


def _keys(values: np.ndarray, by_name: bool) -> list[Any]:
    if by_name:
        return [os.path.splitext(os.path.basename(str(name)))[0] for name in values]
    if not np.isfinite(values).all() or (values != np.round(values)).any():
        raise InputError("`data.join`: numbers of patterns are whole numbers, and some of these are not.")
    return values.astype(np.int64).tolist()


def _check_once(keys: list[Any], column: str, what: str) -> None:
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InputError(f"`data.join` {column}: several {what} have the number {twice}; expected one for each.")


def _shown(keys: list[Any]) -> str:
    texts = [str(key) for key in keys]
    return ", ".join(texts) if len(texts) <= SHOWN else f"{', '.join(texts[:SHOWN])} ... {texts[-1]}"
