"""Frames of a detector without names around them: what a stack of images holds, as a catalogue."""

import abc
import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.memory import aligned_empty
from ptychograd.data.dataset import StoredPatterns, Whole, frozen
from ptychograd.data.files.containers.base import Container, Opening
from ptychograd.data.files.safety.entries import Catalogue, Entry, damage

FORMAT = "frames of a detector"  # what such a catalogue says of itself
FRAMES, FILE_NAME = "frames", "file_name"
BEAM = "beam"  # of what a header says: y, x of the direct beam in pixels


@dataclass(frozen=True)
class Frames:
    """Frames of a file, or of several, none of which has been read.

    Args:
        shape: (index, y, x), or (slow, fast, y, x) of a grid.
        read: reads the frames from one number up to another into an array (index, y, x).
        stored: bytes in the file or files.
        more: numbers that the file says beside, by name with their unit, as {"wavelength": (1e-10, "m")}.
        notes: what there is to say about them.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[int, int, np.ndarray], None]
    stored: int
    more: Mapping[str, tuple[float | Sequence[float], str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of frames."""
        return int(np.prod(self.shape[:-2], dtype=object))


def catalogue_of(frames: Frames, opening: Opening, names: Sequence[str] = ()) -> Catalogue:
    """The catalogue of frames, and of what is known beside; the names of their files, if each has one of its own."""
    flat = (frames.count, *frames.shape[-2:])
    keep = opening.keep
    if keep is not None and keep.grows:
        raise InputError("only an HDF5 file can be read while it is written; leave --follow out.")

    def load() -> np.ndarray:
        array = aligned_empty(flat, frames.dtype.newbyteorder("="))
        frames.read(0, frames.count, array)
        return frozen(array).reshape(frames.shape)

    def in_file() -> StoredPatterns:
        return StoredPatterns(frames.read, flat, frames.dtype, keep, Whole(frames.count))  # pyright: ignore

    found = [Entry(FRAMES, frames.shape, frames.dtype, None, load, frames.stored, from_file=in_file, keep=keep)]
    if names:
        texts = np.array([os.path.basename(name) for name in names])
        found.append(Entry(FILE_NAME, texts.shape, texts.dtype, None, lambda: texts))
    found += [_number(name, np.asarray(value), unit) for name, (value, unit) in frames.more.items()]
    entries = {entry.name: entry for entry in found}
    return Catalogue(
        {"format": FORMAT, "notes": frames.notes}, lambda name: entries.get(name.strip("/")), lambda: found
    )


def _number(name: str, value: np.ndarray, unit: str) -> Entry:
    return Entry(name, value.shape, value.dtype, unit, lambda: value)


class Images(Container):
    """A kind of file that holds one frame or a stack of them, of which several make up one stack."""

    @abc.abstractmethod
    def frames(self, path: Path) -> Frames:
        """The frames of one file, (index, y, x), none of which has been read."""

    @contextlib.contextmanager
    def opened(self, path: Path, opening: Opening) -> Iterator[Catalogue]:
        yield catalogue_of(self.frames(path), opening)

    @contextlib.contextmanager
    def together(self, paths: Sequence[Path], opening: Opening) -> Iterator[Catalogue]:
        """The frames of several files, one after another."""
        parts = [_named(path, self) for path in paths]
        first = parts[0]
        for path, part in zip(paths, parts, strict=True):
            if part.shape[-2:] != first.shape[-2:] or part.dtype != first.dtype:
                raise InputError(
                    f"{path} has frames of {part.shape[-2:]} pixels, {part.dtype}, and {paths[0]} of "
                    f"{first.shape[-2:]}, {first.dtype}, so they are no frames of one scan."
                )
        alone = all(part.count == 1 for part in parts)
        note = (
            f"patterns: {len(paths):,} files, from {paths[0].name} to {paths[-1].name}, in the order of their numbers"
        )
        whole = Frames(
            (sum(part.count for part in parts), *first.shape[-2:]),
            first.dtype,
            _reading(parts),
            sum(part.stored for part in parts),
            first.more,
            (note, *first.notes),
        )
        yield catalogue_of(whole, opening, [str(path) for path in paths] if alone else ())


def _named(path: Path, kind: Images) -> Frames:
    """The frames of one file among several; what is wrong names it."""
    try:
        with damage("it can't be opened, it is damaged or incomplete"):
            return kind.frames(path)
    except InputError as problem:
        raise InputError(f"{path.name}: {problem}") from None


def _reading(parts: Sequence[Frames]) -> Callable[[int, int, np.ndarray], None]:
    """Reads frames from whichever part they are in."""
    ends = np.cumsum([part.count for part in parts])

    def read(begin: int, end: int, out: np.ndarray) -> None:
        at = begin
        while at < end:
            number = int(np.searchsorted(ends, at, side="right"))
            part, first = parts[number], int(ends[number]) - parts[number].count
            last = min(end, int(ends[number]))
            part.read(at - first, last - first, out[at - begin : last - begin])
            at = last

    return read


def natural(name: str) -> list[tuple[int, int, str]]:
    """What names are sorted by, so that scan_2 comes before scan_10."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part.lower()) for part in parts if part]
