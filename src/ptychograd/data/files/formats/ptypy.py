"""Prepared scans of ptypy (.ptyd): chunks of patterns with positions and weights, here or in part files.

Positions are (y, x) in metres and added; a weight above 0 is a valid pixel; energies are in keV (ptypy's
`core/data.py`). Pickled nodes are never looked at.
"""

import math

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.formats.base import Format
from ptychograd.data.files.formats.finding import found_at
from ptychograd.data.files.formats.items import Items, overlaid, read_patterns
from ptychograd.data.files.formats.keymap import READERS
from ptychograd.data.files.formats.quantities import real
from ptychograd.data.files.formats.views import joined_entries
from ptychograd.data.files.safety import Catalogue, Entry

CHUNKS = "chunks"
NEAR = "nearfield"
PLACES = {"patterns": "chunks/0/data, chunks/1/data, ...", "positions": "chunks/0/positions, ..."}


class Ptyd(Format):
    """ptypy's `.ptyd`."""

    name = "ptypy (.ptyd)"
    places = PLACES
    readers = READERS

    def recognises(self, catalogue):
        return bool(catalogue.names(CHUNKS)) and bool(catalogue.names("meta"))

    def read(self, catalogue, given, readers):
        whole = Items()
        chunks = _chunks(catalogue)
        if given.patterns is None and chunks:
            stack = joined_entries(f"{CHUNKS}/.../data", [data for _, data in chunks])
            whole = Items(patterns=read_patterns(stack))
            if len(chunks) > 1:
                note = f"patterns: {len(chunks)} chunks with {stack.shape[0]:,} patterns"
                whole = overlaid(whole, Items(notes=(note,)))
        names = [name for name, _ in chunks]
        if given.positions is None and chunks:
            whole = overlaid(whole, Items(positions=_positions(catalogue, names), unit="m"))
        if given.mask is None and chunks:
            whole = overlaid(whole, _weights(catalogue, chunks, whole.stay_in_file))
        places = {"energy_kev": ("meta/energy",), "distance": ("meta/distance",), "pixel_size": ("meta/psize",)}
        whole = overlaid(whole, found_at(catalogue, given, readers, places, {"energy_kev": "keV"}))
        for part in (_regime(catalogue), _centre(catalogue, whole)):
            whole = overlaid(whole, part)
        return overlaid(whole, given)


def _chunks(catalogue: Catalogue) -> list[tuple[str, Entry]]:
    """The groups of the chunks, in the order of their numbers, with their patterns.

    Raises:
        InputError: a part file is not there.
    """
    names = sorted(catalogue.names(CHUNKS), key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0))
    found = []
    for name in names:
        entry = catalogue.find(f"{CHUNKS}/{name}/data")
        if entry is None:
            raise InputError(
                f'there is no "{CHUNKS}/{name}/data": the part file to which it leads is not there; put all of them '
                "(.part000, ...) beside the file."
            )
        found.append((f"{CHUNKS}/{name}", entry))
    return found


def _positions(catalogue: Catalogue, chunks: list[str]) -> np.ndarray:
    parts = []
    for name in chunks:
        entry = catalogue.find(f"{name}/positions")
        if entry is None or len(entry.shape) != 2 or entry.shape[1] != 2:
            raise InputError(f'"{name}/positions" is {entry or "not there"}; expected (index, 2), (y, x) in metres.')
        parts.append(real(entry).astype(float))
    return np.concatenate(parts)


def _weights(catalogue: Catalogue, chunks: list[tuple[str, Entry]], one_for_all: bool) -> Items:
    """The mask that weights are: one for all patterns where they are alike, or have to share one."""
    parts: list[np.ndarray] = []
    for name, data in chunks:
        entry = catalogue.find(f"{name}/weights")
        if entry is None or entry.shape != data.shape:
            entry = catalogue.first("meta/weight2d", "meta/weights")
            if entry is None or entry.shape != data.shape[1:]:
                return Items()
        valid = np.asarray(real(entry) > 0)
        parts.append(np.asarray(valid.all(axis=0)) if valid.ndim == 3 and one_for_all else valid)
    if all(part.ndim == 2 for part in parts):
        return Items(mask=np.logical_and.reduce(parts))
    mask = np.concatenate([np.broadcast_to(part, data.shape) for part, (_, data) in zip(parts, chunks, strict=True)])
    return Items(mask=mask[0] if (mask == mask[0]).all() else mask)


def _regime(catalogue: Catalogue) -> Items:
    """A near field with a parallel beam, if the file says so: ptypy has the effective distance and pixels there."""
    said = catalogue.find("meta/propagation")
    if said is None or said.shape != () or said.dtype.kind not in "OS" or said.text() != NEAR:
        return Items()
    note = "focus_distance: the file says nearfield, so the beam is parallel, with effective distance and pixels"
    return Items(focus_distance=math.inf, notes=(note,))


def _centre(catalogue: Catalogue, found: Items) -> Items:
    """A note where the optical axis is not in the middle."""
    entry = catalogue.find("meta/center")
    if entry is None or entry.size != 2 or entry.dtype.kind not in "uif" or found.patterns is None:
        return Items()
    y, x = real(entry).ravel().tolist()
    ny, nx = found.patterns.shape[1:]
    if max(abs(y - ny // 2), abs(x - nx // 2)) < 1:
        return Items()
    note = (
        f"patterns: meta/center is ({y:g}, {x:g}), and the middle is ({ny // 2}, {nx // 2}); see `data.prepare.centre`"
    )
    return Items(notes=(note,))
