"""Files of the field, read into a Dataset."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset, StreamFromFile, check_meaning, check_share
from ptychograd.data.files.completing import completed, with_companions
from ptychograd.data.files.formats.items import Items, assemble, overlaid
from ptychograd.data.files.formats.keymap import Keys, chosen, focus_distance, unused_focus_distance
from ptychograd.data.files.formats.known import format_of
from ptychograd.data.files.formats.masks import SAID
from ptychograd.data.files.placing import Beside, Part
from ptychograd.data.files.positions.finding import on_axes
from ptychograd.data.files.safety import Catalogue, sentence
from ptychograd.data.files.sources import Source, sources
from ptychograd.data.joining import joined
from ptychograd.data.raster import RasterScan

RESULT = "ptychograd result"  # the format that `fitting/result` writes
AXES = ("y", "x")  # keys of two arrays that are the positions
PLACED = {"positions", *AXES}  # keys that say where the positions are


def read(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    keys: Keys | None = None,
    *,
    positions: str | os.PathLike[str] | None = None,
    join: str | None = None,
    scan: RasterScan | None = None,
    near_field: bool | None = None,
    keep: StreamFromFile | None = None,
    links_into: Sequence[str | os.PathLike[str]] = (),
    mask_is: str | None = None,
    allow_masked: bool = False,
    beside: Sequence[str | os.PathLike[str]] = (),
) -> Dataset:
    """A data set from a file of one of `FORMATS` in one of the `CONTAINERS`; the content decides, not the name.

    Args:
        path: the file; or a folder of images, several files of one scan, or a pattern of names, as "frames/*.tif".
        keys: for any of patterns, positions (or x and y), mask, probe, support, wavelength, energy, energy_kev,
            distance, pixel_size, focus_distance, two_theta, rocking and arrived the path of an array in the file (HDF5
            "a/b/c", NPZ "name"); for numbers also the number itself, in metres, joules (energy), keV (energy_kev) or
            radians ("9.8e-11"; a pixel size may be "y,x"). A unit that the file does not state follows after a colon
            ("beam/e:keV", "8:keV"). Positions may be two arrays, "motors/y,motors/x". What isn't named is found by the
            format's rules, and a guess becomes a note. "arrived" names what the writer of a file counts patterns by:
            how many were written, or for each a number that is above 0 once it was. What else differs from pattern to
            pattern is named "variable.NAME", as {"variable.angle": "scan/theta"}, or with its unit where the file
            states none, {"variable.angle.deg": "theta"}; {"positions": "none"} says that there are none, and the
            variables that a file of ptychograd holds come unasked.
        positions: where the positions are, if not with the patterns: a file (CSV, text with a header, HDF5, NPZ, NPY),
            "FILE:NAME" for an array in it, or "x=PLACE,y=PLACE", where PLACE is FILE:NAME, or /NAME in the file of the
            patterns; a unit follows after a colon, as "scan.csv:um".
        join: the column of that file with the number of each pattern (from 0 or 1; of images that of their file's name)
            or the name of its file; by default positions are in the order of the patterns.
        scan: a `pg.data.RasterScan`, if no file has the positions.
        near_field: True if the patterns are shadows, False if they are far-field patterns; by default, what the file
            says, or else near field if there is a key for the focus distance (infinite: parallel beam).
        keep: when the patterns of an HDF5 file stay there and are read as they are needed; by default never.
        links_into: folders that the file may lead to, by links, virtual datasets or external storage, beside its own
            folder and those below it.
        mask_is: what True or non-zero means in the mask, "good" or "bad"; by default what the format has, else what the
            name tells (bad_pixels, pixel_mask: bad; valid_pixels: good), else good, unless hardly a pixel is so.
        beside: files without patterns that complete this one, as a product of ptychodus: positions, probe and geometry
            that it lacks. Those that belong to it by their names are found.
        allow_masked: True reads data of whose pixels fewer than half are valid, too.

    Raises:
        InputError: what was found, where, what was expected, and how to mend it.

    Example:
        >>> np.savez("scan.npz", frames=np.ones((3, 4, 6), np.uint16), position_px=np.eye(3, 2))
        >>> pg.read("scan.npz", keys={"patterns": "frames"}).frame_shape
        (4, 6)
        >>> np.savez("turned.npz", frames=np.ones((3, 4, 6), np.uint16), theta=np.array([0, 60, 120]))
        >>> pg.read("turned.npz", keys={"variable.angle.deg": "theta"})
        Dataset(turned.npz: 3 patterns of (4, 6) uint16, no positions, angle in rad)
        >>> np.save("frames.npy", np.ones((6, 4, 8), np.uint16))
        >>> lengths = {"energy_kev": 8.0, "distance": 2.0, "pixel_size": 55e-6}
        >>> pg.read("frames.npy", lengths, scan=pg.data.RasterScan(2e-7, (2, 3)))
        Dataset(frames.npy: 6 patterns of (4, 8) uint16, in metres)
    """
    check_meaning(mask_is)
    elsewhere = Beside(None if positions is None else os.fspath(positions), join, scan)
    how = _How(dict(keys or {}), near_field, mask_is, links_into, bool(elsewhere))
    if elsewhere and how.keys.keys() & PLACED:
        raise InputError("`data.positions` or `data.scan.step` is given, and `data.keys.positions` too; give one.")
    with contextlib.ExitStack() as stack:
        parts = []
        for source, others in with_companions(sources(path), links_into):
            with _about(source):
                catalogue = stack.enter_context(source.opened(links_into, keep))
                parts.append(_part(source, catalogue, [*map(Path, beside), *others], how))
        with _about(parts[0].source):
            parts = elsewhere.placed(parts, links_into) if elsewhere else parts
        found = []
        for part in parts:
            with _about(part.source):
                data = assemble(part.items, part.catalogue, part.format.places, source=part.source.name)
                if not allow_masked:
                    check_share(data.mask, data.notes)
            found.append(data)
    return joined(found)


class _How(NamedTuple):
    """How files are read: what a person says of each."""

    keys: Keys
    near_field: bool | None
    mask_is: str | None
    links_into: Sequence[str | os.PathLike[str]]
    placed_elsewhere: bool


@contextlib.contextmanager
def _about(source: Source) -> Iterator[None]:
    """What is wrong, with the file in which it is."""
    try:
        yield
    except InputError as error:
        raise InputError(sentence(f"{source}: {error}")) from None


def _part(source: Source, catalogue: Catalogue, beside: Sequence[Path], how: _How) -> Part:
    """All that a file holds, but for the positions if they are elsewhere."""
    if catalogue.attributes.get("format") == RESULT:
        raise InputError("it is a result, not data; look at it with `ptychograd inspect` or `ptychograd plot`.")
    format, keys = format_of(catalogue), how.keys
    readers = format.readers if how.mask_is is None else {**format.readers, "mask": SAID[how.mask_is]}
    given = chosen(catalogue, {name: key for name, key in keys.items() if name not in AXES}, readers)
    given = completed(overlaid(_on_axes(catalogue, keys), given), source.paths[0], format, beside, how.links_into)
    if how.placed_elsewhere:
        given = overlaid(given, Items(without_positions=True))
    items = format.read(catalogue, given, readers)
    if how.mask_is is not None and items.mask is None:
        raise InputError(
            f"mask_is={how.mask_is!r} (`data.mask.nonzero`) is given, and there is no mask; name it with mask=..."
        )
    return Part(source, _in_regime(items, catalogue, how.near_field, "focus_distance" in keys), catalogue, format)


def _on_axes(catalogue: Catalogue, keys: Keys) -> Items:
    """Positions of two arrays, if x and y are named."""
    there = [name for name in AXES if name in keys]
    if not there:
        return Items()
    if len(there) == 1 or "positions" in keys:
        raise InputError(
            f"the key {there[0]} is given {'alone' if len(there) == 1 else 'beside positions'}; give x and y."
        )
    found = on_axes(catalogue, str(keys["y"]), str(keys["x"]))
    return Items(positions=found.values, unit=found.unit, notes=found.notes)


def _in_regime(items: Items, catalogue: Catalogue, near_field: bool | None, given: bool) -> Items:
    """With a focus distance if it is to be a near field, without if not."""
    if near_field is False and given:
        raise InputError("a focus distance is given, and a far field has none; leave one of the two out.")
    if near_field is None and items.focus_distance is None:
        return overlaid(unused_focus_distance(catalogue), items)
    if near_field is None or near_field == (items.focus_distance is not None):
        return items
    if not near_field:
        return dataclasses.replace(items, focus_distance=None)
    return overlaid(focus_distance(catalogue), items)
